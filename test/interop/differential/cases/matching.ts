/** Which route takes a request. The answer is direct and names the route, so that nothing else is in play. */
import type { Case, Feature, Json } from '../case.ts';
import { request } from '../case.ts';

const name = 'match';

/** A route that answers with its name. */
function direct(route: string, match: Json): Json {
  return { name: route, match, direct_response: { status: 200, body: { inline_string: route } } };
}

const exact = (header: string, value: string, more: Json = {}): Json => ({
  name: header,
  string_match: { exact: value },
  ...more,
});
const regex = (pattern: string) => ({ regex: pattern });
const host = (domain: string, route: string): Json => ({
  name: `host-${route}`,
  domains: [domain],
  routes: [direct(route, { prefix: '/' })],
});

const routes: readonly Json[] = [
  direct('path', { path: '/path' }),
  direct('path-any-case', { path: '/AnyCase', case_sensitive: false }),
  direct('prefix', { prefix: '/prefix' }),
  direct('separated', { path_separated_prefix: '/separated' }),
  direct('regex', { safe_regex: regex('/re/[a-z]+/\\d{2}') }),
  direct('header-exact', { prefix: '/h', headers: [exact('x-exact', 'one')] }),
  direct('header-prefix', { prefix: '/h', headers: [{ name: 'x-prefix', string_match: { prefix: 'pre' } }] }),
  direct('header-any-case', {
    prefix: '/h',
    headers: [{ name: 'x-any-case', string_match: { exact: 'VALUE', ignore_case: true } }],
  }),
  direct('header-regex', { prefix: '/h', headers: [{ name: 'x-re', string_match: { safe_regex: regex('a+b') } }] }),
  direct('header-range', { prefix: '/h', headers: [{ name: 'x-range', range_match: { start: -5, end: 10 } }] }),
  direct('header-present', { prefix: '/h', headers: [{ name: 'x-present', present_match: true }] }),
  direct('header-absent', { prefix: '/absent', headers: [{ name: 'x-gone', present_match: false }] }),
  direct('header-inverted', { prefix: '/inverted', headers: [exact('x-not', 'one', { invert_match: true })] }),
  direct('header-as-empty', {
    prefix: '/as-empty',
    headers: [exact('x-not', 'one', { invert_match: true, treat_missing_header_as_empty: true })],
  }),
  direct('query-exact', { prefix: '/q', query_parameters: [{ name: 'e', string_match: { exact: 'one' } }] }),
  direct('query-present', { prefix: '/q', query_parameters: [{ name: 'p', present_match: true }] }),
  direct('query-regex', { prefix: '/q', query_parameters: [{ name: 'r', string_match: { safe_regex: regex('x+') } }] }),
  direct('method', { prefix: '/method', headers: [exact(':method', 'PURGE')] }),
  direct('method-put', { prefix: '/method', headers: [exact(':method', 'PUT')] }),
  direct('authority', { prefix: '/authority', headers: [exact(':authority', 'match.test')] }),
  direct('scheme', { prefix: '/scheme', headers: [exact(':scheme', 'https')] }),
];

const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'match.test', lines);
const row = (title: string, send: string): Case => ({ name: title, send });
const at = (domain: string) => request('GET /', domain);

export const matching: Feature = {
  name,
  virtualHosts: [
    { name, domains: ['match.test', 'match.test:8080'], routes },
    host('exact.suffix.test', 'exact-host'),
    host('*.suffix.test', 'suffix-host'),
    host('*.longer.suffix.test', 'longer-suffix-host'),
    host('prefix.*', 'prefix-host'),
    host('port.test:1234', 'host-with-port'),
  ],
  cases: [
    row('a path matches exactly', get('/path')),
    row('a path with a query matches exactly', get('/path?a=/b')),
    row('a longer path is another path', get('/path/')),
    row('a path in other letters is another path', get('/PATH')),
    row('a path matches in any case if asked to', get('/anyCASE')),
    row('a prefix is not cut at segments', get('/prefixed')),
    row('a separated prefix ends at a slash', get('/separated/x')),
    row('a separated prefix is not cut elsewhere', get('/separatedx')),
    row('a regex matches the whole path, without the query', get('/re/ab/12?q')),
    row('a regex does not match a part', get('/re/ab/123')),
    row('a fragment is no part of the path', get('/path#fragment')),
    row('a header matches exactly', get('/h', 'X-Exact: one')),
    row('a header twice is compared joined', get('/h', 'X-Exact: one', 'X-Exact: two')),
    row('a header matches by prefix', get('/h', 'x-prefix: prefixed')),
    row('a header matches in any case', get('/h', 'x-any-case: vAlUe')),
    row('a header matches a regex', get('/h', 'x-re: aaab')),
    row('a header that only contains a match does not', get('/h', 'x-re: aaabc')),
    row('a number is within a range', get('/h', 'x-range: -5')),
    row('the end of a range is outside', get('/h', 'x-range: 10')),
    row('what is no number is in no range', get('/h', 'x-range: 1x')),
    row('an empty header is present', get('/h', 'x-present:')),
    row('a header is absent', get('/absent')),
    row('a header that is there is not absent', get('/absent', 'x-gone: 1')),
    row('an inverted match needs the header', get('/inverted')),
    row('an inverted match takes another value', get('/inverted', 'x-not: two')),
    row('an inverted match refuses the value', get('/inverted', 'x-not: one')),
    row('an inverted match takes what is missing as empty', get('/as-empty')),
    row('a query parameter matches exactly', get('/q?a=b&e=one')),
    row('only the first of equal parameters counts', get('/q?e=two&e=one')),
    row('a query parameter without a value is present', get('/q?p')),
    row('a query parameter is decoded or not', get('/q?e=%6fne')),
    row('a query parameter matches a regex', get('/q?r=xxx')),
    row('a method matches', request('PUT /method', 'match.test', ['content-length: 0'])),
    row('a method that no route takes', request('DELETE /method', 'match.test')),
    row('an authority matches in its letters', get('/authority')),
    row('an authority in other letters is another', request('GET /authority', 'MATCH.test')),
    row('an authority with its port is another', request('GET /authority', 'match.test:8080')),
    row('the scheme follows x-forwarded-proto', get('/scheme', 'x-forwarded-proto: https')),
    row('the scheme is that of the connection', get('/scheme')),
    row('a host matches exactly', at('exact.suffix.test')),
    row('a host matches by suffix', at('a.suffix.test')),
    row('the longest suffix wins', at('a.longer.suffix.test')),
    row('a suffix needs something before it', at('.suffix.test')),
    row('a host matches by prefix', at('prefix.anything')),
    row('a host matches in any case', at('EXACT.Suffix.Test')),
    row('a host with a port matches with it', at('port.test:1234')),
    row('a host without its port does not', at('port.test')),
    row('no virtual host', at('nowhere.test')),
    row('an absolute form overrides the host', request('GET http://exact.suffix.test/x?y', 'nowhere.test')),
    row('an absolute form without a path', request('GET http://exact.suffix.test', 'nowhere.test')),
    row('OPTIONS of the server', request('OPTIONS *', 'match.test')),
  ],
};
