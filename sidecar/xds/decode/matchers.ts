import type { Fraction, HeaderMatch, PathMatch, QueryMatch, StringMatch } from '../../snapshot/matchers.ts';
import type { Reader } from './reader.ts';

const simpleKinds = ['exact', 'prefix', 'suffix', 'contains'] as const;

/** `envoy.type.matcher.v3.StringMatcher`. */
export function decodeStringMatch(reader: Reader): StringMatch {
  const ignoreCase = reader.bool('ignore_case');
  const regex = reader.message('safe_regex');
  let match: StringMatch = { kind: 'exact', value: '', ignoreCase };
  if (regex !== null) match = decodeRegex(regex);
  for (const kind of simpleKinds) {
    if (reader.has(kind)) match = { kind, value: reader.string(kind), ignoreCase };
  }
  if (regex === null && reader.oneOf(...simpleKinds) === null)
    reader.refuse('', 'needs one of exact, prefix, suffix, contains, safe_regex');
  reader.done();
  return match;
}

/** `envoy.type.matcher.v3.RegexMatcher`: a pattern that must match the whole string. */
export function decodeRegex(reader: Reader): Readonly<{ kind: 'regex'; pattern: string }> {
  const pattern = reader.string('regex');
  reader.ignore('google_re2').done();
  return { kind: 'regex', pattern };
}

/** `envoy.config.route.v3.HeaderMatcher`. */
export function decodeHeaderMatch(reader: Reader): HeaderMatch {
  const name = reader.string('name').toLowerCase();
  const invert = reader.bool('invert_match');
  const treatMissingAsEmpty = reader.bool('treat_missing_header_as_empty');
  const base = { name, treatMissingAsEmpty };
  if (name === '') reader.refuse('name', 'must not be empty');
  const string = reader.message('string_match');
  const range = reader.message('range_match');
  const hasPresent = reader.has('present_match');
  const isPresent = reader.bool('present_match', true);
  const deprecated = decodeDeprecatedHeaderMatch(reader);
  reader.done();
  if (string !== null) return { ...base, invert, match: decodeStringMatch(string) };
  if (range !== null) {
    const match = { kind: 'range' as const, start: range.number('start'), end: range.number('end') };
    range.done();
    return { ...base, invert, match };
  }
  if (deprecated !== null) return { ...base, invert, match: deprecated };
  return { ...base, invert: hasPresent && !isPresent ? !invert : invert, match: { kind: 'present' } };
}

function decodeDeprecatedHeaderMatch(reader: Reader): StringMatch | null {
  let match: StringMatch | null = null;
  for (const kind of simpleKinds) {
    const field = `${kind}_match`;
    if (reader.has(field)) match = { kind, value: reader.string(field), ignoreCase: false };
  }
  const regex = reader.message('safe_regex_match');
  return regex === null ? match : decodeRegex(regex);
}

/** `envoy.config.route.v3.QueryParameterMatcher`. */
export function decodeQueryMatch(reader: Reader): QueryMatch {
  const name = reader.string('name');
  const string = reader.message('string_match');
  reader.ignore('present_match').done();
  return { name, match: string === null ? { kind: 'present' } : decodeStringMatch(string) };
}

/** The path part of `envoy.config.route.v3.RouteMatch`. */
export function decodePathMatch(reader: Reader): PathMatch {
  const ignoreCase = !reader.bool('case_sensitive', true);
  const regex = reader.message('safe_regex');
  if (regex !== null) return decodeRegex(regex);
  if (reader.has('path')) return { kind: 'exact', value: reader.string('path'), ignoreCase };
  if (reader.has('path_separated_prefix')) {
    return { kind: 'separatedPrefix', value: reader.string('path_separated_prefix'), ignoreCase };
  }
  if (reader.message('connect_matcher') !== null) return { kind: 'connect' };
  if (!reader.has('prefix'))
    reader.refuse('', 'needs one of prefix, path, safe_regex, path_separated_prefix, connect_matcher');
  return { kind: 'prefix', value: reader.string('prefix'), ignoreCase };
}

const denominators = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 } as const;

/** `envoy.type.v3.FractionalPercent`. */
export function decodeFraction(reader: Reader): Fraction {
  const name = reader.string('denominator', 'HUNDRED');
  const numerator = reader.number('numerator');
  reader.done();
  const denominator = Object.entries(denominators).find(([key]) => key === name)?.[1] ?? 100;
  return { numerator, denominator };
}

/** `envoy.config.core.v3.RuntimeFractionalPercent`: the default value holds, there is no runtime. */
export function decodeRuntimeFraction(reader: Reader): Fraction {
  const value = reader.message('default_value');
  reader.ignore('runtime_key').done();
  return value === null ? { numerator: 0, denominator: 100 } : decodeFraction(value);
}
