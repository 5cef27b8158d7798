/** Rewrites, redirects and direct responses. */
import { route, virtualHost } from '../bootstrap.ts';
import type { Case, Feature, Json } from '../case.ts';
import { request } from '../case.ts';

const name = 'rewrite';
const regexRewrite = (pattern: string, substitution: string) => ({
  regex_rewrite: { pattern: { regex: pattern }, substitution },
});
const redirect = (prefix: string, action: Json): Json => ({
  name: prefix.slice(1),
  match: { prefix },
  redirect: action,
});
const direct = (prefix: string, status: number, more: Json = {}): Json => ({
  name: prefix.slice(1),
  match: { prefix },
  direct_response: { status, body: { inline_string: 'direct body' } },
  ...more,
});

const routes: readonly Json[] = [
  route('/prefix/', { prefix_rewrite: '/new/' }),
  route('/bare', { prefix_rewrite: '/' }),
  { match: { path: '/whole' }, route: { cluster: 'a', prefix_rewrite: '/other' } },
  route('/regex', regexRewrite('/([a-z]+)/(\\d+)', '/\\2/\\1')),
  route('/all-of', regexRewrite('o', '0')),
  route('/host', { host_rewrite_literal: 'rewritten.example:81' }),
  route('/from-header', { host_rewrite_header: 'x-host' }),
  { match: { prefix: '/insensitive', case_sensitive: false }, route: { cluster: 'a', prefix_rewrite: '/i' } },
  redirect('/r/path', { path_redirect: '/new' }),
  redirect('/r/query', { path_redirect: '/new?own=1' }),
  redirect('/r/host', { host_redirect: 'other.example' }),
  redirect('/r/https', { https_redirect: true }),
  redirect('/r/scheme', { scheme_redirect: 'ftp', host_redirect: 'other.example' }),
  redirect('/r/port', { port_redirect: 8443 }),
  redirect('/r/all', { host_redirect: 'other.example', port_redirect: 81, path_redirect: '/p', strip_query: true }),
  redirect('/r/prefix', { prefix_rewrite: '/swapped' }),
  redirect('/r/regex', regexRewrite('^/r/([a-z]+)/(.*)$', '/\\2/\\1')),
  redirect('/r/302', { path_redirect: '/x', response_code: 'FOUND' }),
  redirect('/r/303', { path_redirect: '/x', response_code: 'SEE_OTHER' }),
  redirect('/r/307', { path_redirect: '/x', response_code: 'TEMPORARY_REDIRECT' }),
  redirect('/r/308', { path_redirect: '/x', response_code: 'PERMANENT_REDIRECT' }),
  direct('/d/200', 200),
  direct('/d/204', 204),
  direct('/d/304', 304),
  direct('/d/503', 503, { response_headers_to_add: [{ header: { key: 'x-route', value: 'direct' } }] }),
  { match: { prefix: '/d/empty' }, direct_response: { status: 429 } },
];

const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'rewrite.test', lines);
const row = (title: string, send: string): Case => ({ name: title, send });

export const rewriting: Feature = {
  name,
  virtualHosts: [virtualHost(name, routes)],
  cases: [
    row('a prefix is rewritten, the query kept', get('/prefix/a/b?c=/prefix/')),
    row('a prefix without its slash doubles it', get('/bare/a')),
    row('a prefix is cut within a segment', get('/barefoot')),
    row('a whole path is rewritten', get('/whole?q')),
    row('a prefix in other letters is rewritten', get('/INSENSITIVE/x')),
    row('a path is rewritten by groups', get('/regex/12')),
    row('a path is rewritten wherever it matches', get('/all-of/foo/oo?o=o')),
    row('a rewrite that changes nothing', get('/regex')),
    row('a host is rewritten', get('/host')),
    row('a host is taken from a header', get('/from-header', 'X-Host: there.example')),
    row('a host from a header that is not there', get('/from-header')),
    row('redirect to a path keeps the query', get('/r/path?a=b')),
    row('redirect to a path with a query of its own', get('/r/query?a=b')),
    row('redirect to a host', get('/r/host?x=1')),
    row('redirect to https', get('/r/https')),
    row('redirect to https drops a standard port', request('GET /r/https', 'rewrite.test:80')),
    row('redirect to another scheme', get('/r/scheme')),
    row('redirect to a port', get('/r/port')),
    row('redirect without the query', get('/r/all?gone')),
    row('redirect replaces the prefix', get('/r/prefix/rest?q')),
    row('redirect by regex', get('/r/regex/rest?q=1')),
    row('redirect follows x-forwarded-proto', get('/r/path', 'x-forwarded-proto: https')),
    row('redirect 302', get('/r/302')),
    row('redirect 303', get('/r/303')),
    row('redirect 307', request('POST /r/307', 'rewrite.test', ['content-length: 2'], 'ab')),
    row('redirect 308', get('/r/308')),
    row('redirect of a HEAD', request('HEAD /r/path', 'rewrite.test')),
    row('a direct response', get('/d/200')),
    row('a direct response to HEAD', request('HEAD /d/200', 'rewrite.test')),
    row('a direct 204', get('/d/204')),
    row('a direct 304', get('/d/304')),
    row('a direct 503 with headers of the route', get('/d/503')),
    row('a direct response without a body', get('/d/empty')),
    row(
      'a direct response to gRPC',
      request('POST /d/503', 'rewrite.test', ['content-type: application/grpc', 'content-length: 0']),
    ),
    row(
      'no route for gRPC',
      request('POST /none', 'rewrite.test', ['content-type: application/grpc', 'content-length: 0']),
    ),
  ],
};
