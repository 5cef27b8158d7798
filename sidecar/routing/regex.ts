import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { Problem } from '#shared/runtime/result.ts';
import { problem } from '#shared/runtime/result.ts';
import { translateRe2 } from './re2.ts';
import { wireText } from './wire-text.ts';

/** Where a pattern stands in the configuration, and what was found wrong with it and others. */
export type CompileScope = Readonly<{ path: string; problems: Problem[] }>;

/** The same scope one step deeper. */
export function within(scope: CompileScope, step: string): CompileScope {
  return {
    path: scope.path === '' ? step : `${scope.path}${step.startsWith('[') ? '' : '.'}${step}`,
    problems: scope.problems,
  };
}

/**
 * RE2 runs in linear time, JavaScript's engine backtracks: a pattern with a repetition inside a repetition, such as `(a+)+`, can
 * take exponential time on a value that a client chose. Such patterns only see values up to this length, others any that fits a
 * head. Patterns come from whoever may configure the mesh and are validated there; this is the second line.
 */
const maxLengthForNested = 1024;

/** Compiles a pattern that must match the whole value; a bad one is a problem, and the predicate then never matches. */
export function compileFullMatch(pattern: string, scope: CompileScope): (value: string) => boolean {
  const simple = simpleMatch(pattern);
  if (simple !== null) return simple;
  const translated = translate(pattern, scope);
  if (translated === null) return () => false;
  const expression = new RegExp(`^(?:${translated})$`, 'v');
  if (!hasNestedRepetition(translated)) return (value) => expression.test(value);
  return (value) => {
    // Neither "matches" nor "does not" would be safe to say: an authorization policy may hang on either.
    if (value.length > maxLengthForNested) {
      throw new MeshError(
        'resource_exhausted',
        'a value is too long for a regular expression with nested repetitions',
        {
          facts: { pattern, length: value.length },
        },
      );
    }
    return expression.test(value);
  };
}

/** Compiles a pattern for replacing every occurrence. */
export function compileReplace(
  rewrite: Readonly<{ pattern: string; substitution: string }>,
  scope: CompileScope,
): (value: string) => string {
  const translated = translate(rewrite.pattern, within(scope, 'pattern'));
  if (translated === null) return (value) => value;
  const expression = new RegExp(translated, 'gv');
  const groups = new RegExp(`${translated}|`, 'v').exec('')?.length ?? 1;
  const text = wireText(rewrite.substitution, within(scope, 'substitution'));
  const substitution = toJsSubstitution(text, groups - 1, within(scope, 'substitution'));
  return (value) => value.replace(expression, substitution);
}

function translate(pattern: string, scope: CompileScope): string | null {
  const translated = translateRe2(pattern);
  if (!translated.ok) {
    scope.problems.push(problem(scope.path, `the regular expression ${pattern} is refused: ${translated.message}`));
    return null;
  }
  try {
    // Compiled once on its own, so that a stray bar or parenthesis cannot hide in the anchors.
    new RegExp(translated.source, 'v').test('');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    scope.problems.push(problem(scope.path, `the regular expression ${pattern} is refused: ${error.message}`));
    return null;
  }
  return translated.source;
}

/** `\1` and `\0` of RE2 as `$1` and `$&`; a dollar means itself. */
function toJsSubstitution(substitution: string, groups: number, scope: CompileScope): string {
  return substitution.replaceAll(/\\([0-9\\])|\\|\$/g, (match, escaped: string | undefined) => {
    if (match === '$') return '$$';
    if (escaped === '\\') return '\\';
    if (escaped === undefined || Number(escaped) > groups) {
      scope.problems.push(problem(scope.path, `${match} names no group of the pattern`));
      return '';
    }
    return escaped === '0' ? '$&' : `$${escaped.padStart(2, '0')}`;
  });
}

/** The commonest shapes (`.*`, `abc`, `abc.*`, `.*abc`, `.*abc.*`) need no regular expression. */
function simpleMatch(pattern: string): ((value: string) => boolean) | null {
  const match = /^(\.\*)?([A-Za-z0-9/_:@%~,;=& -]*)(\.\*)?$/.exec(pattern);
  if (match === null) return null;
  const [, before, text = '', after] = match;
  if (before !== undefined && after !== undefined) return (value) => value.includes(text);
  if (before !== undefined) return text === '' ? () => true : (value) => value.endsWith(text);
  return after === undefined ? (value) => value === text : (value) => value.startsWith(text);
}

/** Whether an unbounded repetition stands inside a group that is repeated without bound itself. */
function hasNestedRepetition(source: string): boolean {
  // Escapes and classes are single atoms here.
  const bare = source
    .replaceAll(/\\u\{[0-9a-f]+\}|\\[pP]\{[^}]*\}|\\./g, 'x')
    .replaceAll(/\[(?:\[[^\]]*\]|[^\]])*\]/g, 'x');
  const repeats: boolean[] = [false];
  for (let i = 0; i < bare.length; i++) {
    if (bare[i] === '(') repeats.push(false);
    else if (bare[i] === ')') {
      const inner = repeats.pop() ?? false;
      if (inner && isUnbounded(bare, i + 1)) return true;
      if (inner) repeats[repeats.length - 1] = true;
    } else if (isUnbounded(bare, i)) repeats[repeats.length - 1] = true;
  }
  return false;
}

function isUnbounded(source: string, at: number): boolean {
  return source[at] === '*' || source[at] === '+' || /^\{\d+,\}/.test(source.slice(at, at + 8));
}
