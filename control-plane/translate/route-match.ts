import type { VirtualService } from '#shared/model/resource.ts';
import type { TypedObject } from '#shared/xds/typed.ts';
import { compareText } from '#shared/model/by-age.ts';
import { compact, nonEmpty } from './typed-builder.ts';

/** One rule of `http`, and one entry of its `match`. */
export type HttpRule = NonNullable<VirtualService['spec']['http']>[number];
export type HttpMatch = NonNullable<HttpRule['match']>[number];

/** A string matcher of the API; none of them set means that anything will do, if only it is there. */
export type StringMatch = Readonly<{ exact?: string; prefix?: string; regex?: string }>;

/** `match` of a route. Without a match of the rule, everything. */
export function routeMatch(match: HttpMatch | undefined): TypedObject {
  if (match === undefined) {
    return { prefix: '/' };
  }
  const headers = [
    ...entries(match.headers).map(([name, value]) => headerMatch(name, value)),
    ...entries(match.withoutHeaders).map(([name, value]) => absentMatch(name, value)),
  ].toSorted((a, b) => compareText(String(a['name']), String(b['name'])));
  const pseudo = [
    [':method', match.method],
    [':authority', match.authority],
    [':scheme', match.scheme],
  ] as const;
  return compact({
    ...pathMatch(match.uri),
    case_sensitive: match.ignoreUriCase !== true,
    headers: nonEmpty([
      ...headers,
      ...pseudo.flatMap(([name, value]) => (value === undefined ? [] : [headerMatch(name, value)])),
    ]),
    query_parameters: nonEmpty(
      entries(match.queryParams).map(([name, value]) => ({
        name,
        ...(isPresence(value) ? { present_match: true } : { string_match: stringMatcher(value) }),
      })),
    ),
  });
}

/** Whether a route takes every request, so that no later one can be reached. */
export function isCatchAll(match: TypedObject): boolean {
  const takesEveryPath = match['prefix'] === '/' || regexOf(match) === '.*';
  return takesEveryPath && match['headers'] === undefined && match['query_parameters'] === undefined;
}

/** The regular expression that a route wants the path to match, if it does. */
export function regexOf({ safe_regex: matcher }: TypedObject): string | undefined {
  return typeof matcher === 'object' && matcher !== null && 'regex' in matcher ? String(matcher.regex) : undefined;
}

/** A string matcher of Envoy. */
export function stringMatcher({ exact, prefix, regex }: StringMatch): TypedObject {
  if (exact !== undefined) {
    return { exact };
  }
  return prefix === undefined ? { safe_regex: { regex: regex ?? '' } } : { prefix };
}

function pathMatch(uri: StringMatch | undefined): TypedObject {
  if (uri?.exact !== undefined) {
    return { path: uri.exact };
  }
  return uri?.regex === undefined ? { prefix: uri?.prefix ?? '/' } : { safe_regex: { regex: uri.regex } };
}

function headerMatch(name: string, value: StringMatch): TypedObject {
  return { name, ...(isPresence(value) ? { present_match: true } : { string_match: stringMatcher(value) }) };
}

/** The header is missing, or has another value. */
function absentMatch(name: string, value: StringMatch): TypedObject {
  const inverted = { ...headerMatch(name, value), invert_match: true };
  return isPresence(value) ? inverted : { ...inverted, treat_missing_header_as_empty: true };
}

function isPresence({ exact, prefix, regex }: StringMatch): boolean {
  return exact === undefined && prefix === undefined && (regex === undefined || regex === '*');
}

function entries(map: Readonly<Record<string, StringMatch>> | undefined): readonly (readonly [string, StringMatch])[] {
  return Object.entries(map ?? {}).toSorted(([a], [b]) => compareText(a, b));
}
