/**
 * Matchers of configuration as closures, compiled once. What a request is compared with comes in as plain values, a boolean goes
 * out; no state. Bad patterns become problems of the scope, with their path.
 */
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { Fraction, HeaderMatch, PathMatch, QueryMatch, StringMatch } from '../snapshot/matchers.ts';
import type { Random } from '#shared/runtime/random.ts';
import { queryParameter } from './path.ts';
import type { CompileScope } from './regex.ts';
import { compileFullMatch, within } from './regex.ts';
import { toWire } from './wire-text.ts';

export type StringPredicate = (value: string) => boolean;
export type HeadPredicate = (head: RequestHead) => boolean;
/** Takes the path without query. */
export type PathPredicate = (path: string, method: string) => boolean;

/** Compiles the comparison of one string. */
export function compileStringMatch(match: StringMatch, scope: CompileScope): StringPredicate {
  if (match.kind === 'regex') return compileFullMatch(match.pattern, scope);
  const ignoreCase = match.ignoreCase;
  const text = toWire(match.value);
  const wanted = ignoreCase ? text.toLowerCase() : text;
  const compare = comparisons[match.kind];
  return ignoreCase ? (value) => compare(value.toLowerCase(), wanted) : (value) => compare(value, wanted);
}

const comparisons = {
  exact: (value: string, wanted: string) => value === wanted,
  prefix: (value: string, wanted: string) => value.startsWith(wanted),
  suffix: (value: string, wanted: string) => value.endsWith(wanted),
  contains: (value: string, wanted: string) => value.includes(wanted),
};

/** Compiles the match of a path without query. No kind but `connect` takes a CONNECT without a path. */
export function compilePathMatch(match: PathMatch | StringMatch, scope: CompileScope): PathPredicate {
  if (match.kind === 'connect') return (_path, method) => method === 'CONNECT';
  if (match.kind === 'regex') return compileFullMatch(match.pattern, scope);
  const { kind, ignoreCase } = match;
  const value = match.value;
  const length = toWire(value).length;
  if (kind !== 'separatedPrefix') return compileStringMatch({ kind, value, ignoreCase }, scope);
  const startsWith = compileStringMatch({ kind: 'prefix', value, ignoreCase }, scope);
  return (path) => startsWith(path) && (path.length === length || path.charCodeAt(length) === 0x2f);
}

/**
 * Compiles the match of a request header. A header that was sent several times matches if one of its lines does (as in Envoy
 * 1.39 and later), so that an inverted match fails as soon as one line has what it forbids.
 */
export function compileHeaderMatch(config: HeaderMatch, scope: CompileScope): HeadPredicate {
  const { name, invert } = config;
  const match = config.match;
  const pseudo = pseudoField(name);
  if (match.kind === 'present') {
    return pseudo === null ? (head) => head.headers.has(name) !== invert : (head) => (pseudo(head) !== '') !== invert;
  }
  const matches =
    match.kind === 'range' ? rangePredicate(match.start, match.end) : compileStringMatch(match, within(scope, name));
  // Without the header nothing is compared: not even the inverted match holds, unless it is to count as empty.
  const whenMissing = config.treatMissingAsEmpty && matches('') !== invert;
  if (pseudo !== null) return (head) => matches(pseudo(head)) !== invert;
  return (head) => {
    const first = head.headers.get(name);
    if (first === undefined) return whenMissing;
    return (matches(first) || anyOtherLine(head.headers, name, first, matches)) !== invert;
  };
}

function rangePredicate(start: number, end: number): StringPredicate {
  return (value) => {
    if (!/^[+-]?\d+$/.test(value)) return false;
    const number = Number(value);
    return number >= start && number < end;
  };
}

type Pseudo = (head: RequestHead) => string;

function pseudoField(name: string): Pseudo | null {
  switch (name) {
    case ':method':
      return (head) => head.method;
    case ':path':
      return (head) => head.path;
    case ':scheme':
      return (head) => head.scheme;
    case ':authority':
    case 'host':
      return (head) => head.authority;
    default:
      return null;
  }
}

function anyOtherLine(headers: HeaderMap, name: string, first: string, matches: StringPredicate): boolean {
  // Nearly always there is one line, which was compared already.
  if (headers.getJoined(name) === first) return false;
  let found = false;
  headers.forEach((line, value) => {
    if (line === name && !found) found = matches(value);
  });
  return found;
}

/** Compiles the match of a query parameter; takes the request target with its query. */
export function compileQueryMatch({ name, match }: QueryMatch, scope: CompileScope): StringPredicate {
  if (match.kind === 'present') return (target) => queryParameter(target, name) !== null;
  const matches = compileStringMatch(match, within(scope, name));
  return (target) => {
    const value = queryParameter(target, name);
    return value !== null && matches(value);
  };
}

/** Whether this draw falls into the fraction; none is drawn for all or nothing. */
export function drawsFraction({ numerator, denominator }: Fraction, random: Random): boolean {
  if (numerator <= 0) return false;
  return numerator >= denominator || random() * denominator < numerator;
}
