import type { Problem } from '#shared/runtime/result.ts';
import { problem } from '#shared/runtime/result.ts';
import type { AccessRecord } from './access-record.ts';
import type { OperatorValue } from './format-operators.ts';
import { compileOperator } from './format-operators.ts';

/**
 * Envoy's format strings, shared by access logs and header values: a template such as `%REQ(X?Y):10% took %DURATION%` comes in,
 * a list of parts goes out, compiled once. `%%` is a percent sign. Whoever uses the parts decides what a missing value prints.
 */
export type FormatPart = string | OperatorValue;

/** What was wrong in formats, and where the format that is being compiled stands. */
export type FormatScope = Readonly<{ path: string; problems: Problem[] }>;

const operatorPattern = /%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::([0-9]+))?%/y;

/** Splits a template into texts and operators; what is not understood becomes a problem of the scope. */
export function parseFormat(template: string, scope: FormatScope): readonly FormatPart[] {
  const parts: FormatPart[] = [];
  let literal = '';
  let at = 0;
  while (at < template.length) {
    const percent = template.indexOf('%', at);
    if (percent < 0) break;
    literal += template.slice(at, percent);
    if (template[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    operatorPattern.lastIndex = percent;
    const match = operatorPattern.exec(template);
    if (match === null) {
      scope.problems.push(problem(scope.path, `the format is not understood at position ${percent}: ${template}`));
      return [];
    }
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(operatorPart(match, scope));
    at = operatorPattern.lastIndex;
  }
  literal += template.slice(at);
  if (literal !== '') parts.push(literal);
  return parts;
}

function operatorPart([, name = '', argument, maxLength]: RegExpExecArray, scope: FormatScope): FormatPart {
  const compiled = compileOperator(name, argument, maxLength === undefined ? null : Number(maxLength));
  if (compiled.ok) return compiled.value;
  scope.problems.push(problem(scope.path, compiled.message));
  return '';
}

/** Makes text of parts; `missing` stands for values that are not there. */
export function renderParts(parts: readonly FormatPart[], record: AccessRecord, missing: string): string {
  let text = '';
  for (const part of parts) text += typeof part === 'string' ? part : (part(record) ?? missing);
  return text;
}
