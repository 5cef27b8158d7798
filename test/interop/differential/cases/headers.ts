/** Header operations, CORS, and what a proxy does to headers by itself. */
import { perRoute, route, virtualHost } from '../bootstrap.ts';
import type { Case, Feature, Json } from '../case.ts';
import { request, response } from '../case.ts';

const name = 'headers';
const add = (key: string, value: string, action?: string): Json => ({
  header: { key, value },
  ...(action === undefined ? {} : { append_action: action }),
});
const overwrite = 'OVERWRITE_IF_EXISTS_OR_ADD';

const operations: Json = {
  request_headers_to_add: [
    add('x-append', 'route'),
    add('x-overwrite', 'route', overwrite),
    add('x-if-absent', 'route', 'ADD_IF_ABSENT'),
    add('x-if-exists', 'route', 'OVERWRITE_IF_EXISTS'),
  ],
  request_headers_to_remove: ['x-remove'],
  response_headers_to_add: [
    add('x-append', 'route'),
    add('x-overwrite', 'route', overwrite),
    add('x-if-absent', 'route', 'ADD_IF_ABSENT'),
    add('x-if-exists', 'route', 'OVERWRITE_IF_EXISTS'),
  ],
  response_headers_to_remove: ['x-remove'],
};

const formatted: Json = {
  request_headers_to_add: [
    add('x-method', '%REQ(:METHOD)% %REQ(X-MISSING?:PATH)%'),
    add('x-protocol', '%PROTOCOL%'),
    add('x-missing', '%REQ(X-MISSING)%'),
    add('x-percent', '100%%'),
    add('x-local', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%'),
  ],
  response_headers_to_add: [add('x-code', '%RESPONSE_CODE%'), add('x-cluster', '%UPSTREAM_CLUSTER%')],
};

const cors: Json = {
  allow_origin_string_match: [
    { exact: 'https://good.example' },
    { safe_regex: { regex: 'https://.*\\.sub\\.example' } },
  ],
  allow_methods: 'GET,PUT',
  allow_headers: 'x-one,x-two',
  expose_headers: 'x-exposed',
  max_age: '600',
  allow_credentials: true,
};

const weighted = (operationsOf: Json) => ({
  weighted_clusters: {
    clusters: [
      { name: 'a', weight: 1, ...operationsOf },
      { name: 'never', weight: 0 },
    ],
  },
});

const routes: readonly Json[] = [
  route('/ops', {}, operations),
  route('/format', {}, formatted),
  {
    match: { prefix: '/weighted' },
    route: weighted({
      request_headers_to_add: [add('x-append', 'cluster'), add('x-overwrite', 'cluster', overwrite)],
      response_headers_to_add: [add('x-overwrite', 'cluster', overwrite)],
      response_headers_to_remove: ['x-gone'],
    }),
    ...operations,
  },
  route('/cors', {}, perRoute('cors', 'cors.v3.CorsPolicy', cors)),
  route(
    '/cors-closed',
    {},
    perRoute('cors', 'cors.v3.CorsPolicy', { ...cors, forward_not_matching_preflights: false }),
  ),
  route('/'),
];

const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'headers.test', lines);
const sent = ['x-append: client', 'x-overwrite: client', 'x-if-exists: client', 'x-if-absent: client', 'x-remove: 1'];
const answered = [
  response(200, [
    'x-append: app',
    'x-overwrite: app',
    'x-if-exists: app',
    'x-if-absent: app',
    'x-remove: 1',
    'x-gone: 1',
  ]),
];
const preflight = (path: string, origin: string, ...lines: string[]) =>
  request(`OPTIONS ${path}`, 'headers.test', [`Origin: ${origin}`, ...lines]);
const wants = 'access-control-request-method: PUT';
const good = 'https://good.example';

const atEdge = (title: string, send: string): Case => ({ name: title, listener: 'edge', send });

export const headers: Feature = {
  name,
  virtualHosts: [
    virtualHost(name, routes, {
      include_request_attempt_count: true,
      include_attempt_count_in_response: true,
      request_headers_to_add: [add('x-append', 'host'), add('x-overwrite', 'host', overwrite)],
      response_headers_to_add: [add('x-append', 'host'), add('x-overwrite', 'host', overwrite)],
    }),
  ],
  cases: [
    { name: 'headers that exist are changed by route, then host', send: get('/ops', ...sent), upstream: answered },
    { name: 'headers that do not exist are changed', send: get('/ops'), upstream: [response(200)] },
    { name: 'headers are changed by a weighted cluster', send: get('/weighted', ...sent), upstream: answered },
    { name: 'header values are formatted', send: get('/format?q=1'), upstream: [response(404)] },
    { name: 'headers are changed on an answer of our own', send: get('/cors-none'), upstream: [{ kind: 'reset' }] },
    {
      name: 'plain headers pass in both ways',
      send: get('/', 'X-Case: Kept', 'x-twice: 1', 'X-Twice: 2', 'cookie: a=b'),
      upstream: [response(200, ['X-Case: Kept', 'set-cookie: a=1', 'Set-Cookie: b=2', 'server: app'])],
    },
    {
      name: 'control headers of a client are taken out',
      send: get(
        '/',
        'x-envoy-retry-on: 5xx',
        'x-envoy-max-retries: 3',
        'x-envoy-upstream-rq-timeout-ms: 1',
        'x-envoy-internal: true',
        'x-forwarded-client-cert: By=me',
        'x-envoy-expected-rq-timeout-ms: 9',
      ),
    },
    {
      name: 'an internal address forwarded is not trusted',
      send: get('/', 'x-forwarded-for: 10.0.0.1', 'x-envoy-retry-on: 5xx'),
    },
    {
      name: 'hop-by-hop headers',
      send: get(
        '/',
        'Connection: keep-alive, x-hop',
        'x-hop: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'TE: trailers, gzip',
      ),
    },
    {
      name: 'hop-by-hop headers of an answer',
      send: get('/'),
      upstream: [
        response(200, ['Connection: x-hop', 'x-hop: 1', 'Keep-Alive: timeout=5', 'Proxy-Authenticate: Basic']),
      ],
    },
    { name: 'a request id is kept', send: get('/', 'x-request-id: mine') },
    { name: 'a request without a user agent', send: get('/', 'user-agent:') },
    {
      name: 'CORS: an allowed origin',
      send: get('/cors', `Origin: ${good}`),
      upstream: [response(200, ['access-control-allow-origin: *'])],
    },
    { name: 'CORS: an origin by regex', send: get('/cors', 'Origin: https://a.sub.example') },
    { name: 'CORS: another origin', send: get('/cors', 'Origin: https://bad.example') },
    { name: 'CORS: a preflight', send: preflight('/cors', good, wants) },
    {
      name: 'CORS: a preflight from another origin is forwarded',
      send: preflight('/cors', 'https://bad.example', wants),
    },
    {
      name: 'CORS: a preflight from another origin is answered',
      send: preflight('/cors-closed', 'https://bad.example', wants),
    },
    { name: 'CORS: OPTIONS without a method asked for', send: preflight('/cors', good) },
    atEdge('the edge appends the address', get('/', 'x-forwarded-for: 1.2.3.4', 'x-forwarded-proto: https')),
    atEdge(
      'the edge replaces a request id of a stranger',
      get('/', 'x-request-id: 0f9b1c1e-1111-4222-8333-444455556666'),
    ),
    atEdge(
      'the edge names itself and drops edge headers',
      get('/', 'x-envoy-original-path: /x', 'x-envoy-decorator-operation: x'),
    ),
    atEdge('dot segments are resolved', get('/a/./b/../c?x=../y')),
    {
      name: 'the edge passes no trailers on',
      listener: 'edge',
      send: request('POST /', 'headers.test', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\nx-end: 1\r\n\r\n'),
    },
    atEdge('slashes are merged', get('/a//b///c')),
    atEdge('backslashes become slashes', get('/a\\b')),
    atEdge('escaped letters are decoded', get('/%61%62/%7e')),
    atEdge('escaped slashes are redirected', get('/a%2fb%5Cc?d=%2f')),
    atEdge('dots above the root are refused', get('/../x')),
    atEdge('an escape that is none', get('/a%zz')),
    atEdge('the port is taken off the host', request('GET /', 'headers.test:8080')),
  ],
};
