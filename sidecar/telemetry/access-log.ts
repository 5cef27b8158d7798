/**
 * Access logs in Envoy's formats. A configured format comes in and is compiled once into a function that writes the line of an
 * AccessRecord; access-log-writer.ts owns the files. Text formats end as they say (Istio's end in a newline); JSON lines get one.
 * Missing values are `-` in text and null in JSON; a JSON field that is one operator keeps its type (numbers stay numbers).
 */
import type { Result } from '#shared/runtime/result.ts';
import { fail, ok, problem } from '#shared/runtime/result.ts';
import type { AccessRecord } from './access-record.ts';
import type { FormatPart, FormatScope } from './format.ts';
import { parseFormat, renderParts } from './format.ts';
import { LineMaker } from './line-maker.ts';
import type { LogLines } from './log-lines.ts';
import { flagBit, isResponseFlag } from './response-flags.ts';

/** Nested objects of format strings. */
export type JsonFormat = { readonly [key: string]: string | number | boolean | null | JsonFormat };

/** The format of an access log, as configured. */
export type AccessLogFormat =
  | Readonly<{ kind: 'text'; template: string }>
  | Readonly<{ kind: 'json'; fields: JsonFormat }>;

/** Writes the line of one exchange. */
export type FormatLine = (record: AccessRecord, lines: LogLines) => void;

/** Compiles a format; every operator that is not known is a problem with its path. */
export function compileAccessLogFormat(format: AccessLogFormat, path = 'format'): Result<FormatLine> {
  const scope: FormatScope = { path, problems: [] };
  const line = format.kind === 'text' ? textLine(format.template, scope) : jsonLine(format.fields, scope);
  return scope.problems.length === 0 ? ok(line) : fail(scope.problems);
}

function textLine(template: string, scope: FormatScope): FormatLine {
  return lineOf(parseFormat(template, scope));
}

function lineOf(parts: readonly FormatPart[]): FormatLine {
  const maker = new LineMaker(parts);
  return (record, lines) => maker.write(record, lines);
}

type JsonPart = string | ((record: AccessRecord) => string);

function jsonLine(fields: JsonFormat, scope: FormatScope): FormatLine {
  return lineOf(joinTexts([...objectParts(fields, scope), '\n']));
}

function objectParts(fields: JsonFormat, scope: FormatScope): JsonPart[] {
  const members = Object.entries(fields).flatMap(([key, value], index): JsonPart[] => [
    `${index === 0 ? '' : ','}${JSON.stringify(key)}:`,
    ...valueParts(value, { ...scope, path: `${scope.path}.${key}` }),
  ]);
  return ['{', ...members, '}'];
}

function valueParts(value: JsonFormat[string], scope: FormatScope): JsonPart[] {
  if (typeof value === 'object' && value !== null) return objectParts(value, scope);
  if (typeof value !== 'string') return [JSON.stringify(value)];
  const parts = parseFormat(value, scope);
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'function') return [typedValue(only)];
  if (parts.every((part) => typeof part === 'string')) return [JSON.stringify(parts.join(''))];
  return [(record) => JSON.stringify(renderParts(parts, record, '-'))];
}

function typedValue(value: Exclude<FormatPart, string>): JsonPart {
  return (record) => {
    const result = value(record);
    return typeof result === 'string' ? JSON.stringify(result) : String(result);
  };
}

function joinTexts(parts: readonly JsonPart[]): readonly JsonPart[] {
  const joined: JsonPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return joined;
}

/** Compiles "only exchanges with one of these flags" into a mask test; null logs all. */
export function compileFlagFilter(
  onlyFlags: readonly string[] | null,
  path = 'onlyFlags',
): Result<(record: AccessRecord) => boolean> {
  if (onlyFlags === null) return ok(() => true);
  const unknown = onlyFlags.filter((name) => !isResponseFlag(name));
  if (unknown.length > 0) return fail(unknown.map((name) => problem(path, `the response flag ${name} is not known`)));
  // No names at all: any flag will do, as in Envoy's response flag filter.
  const mask = onlyFlags.length === 0 ? -1 : onlyFlags.reduce((sum, name) => sum | flagBit(name), 0);
  return ok((record) => (record.flags & mask) !== 0);
}
