/** What else a route can say: mirrors, affinity, gRPC timeouts, shares of requests, rules of the virtual host. */
import { cluster, perRoute, route, virtualHost } from '../bootstrap.ts';
import type { Case, Feature, Json } from '../case.ts';
import { request, response } from '../case.ts';

const name = 'policies';
const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'policies.test', lines);
const grpc = (path: string, ...lines: string[]) =>
  request(`POST ${path}`, 'policies.test', ['content-type: application/grpc', 'content-length: 0', ...lines]);
const ring = (policy: Json): Json => ({ cluster: 'ring', hash_policy: [policy] });
const share = (numerator: number) => ({ runtime_fraction: { default_value: { numerator } } });

const rules = (action: string, permission: Json): Json => ({
  rbac: { rules: { action, policies: { 'the rule': { permissions: [permission], principals: [{ any: true }] } } } },
});
const rbac = (prefix: string, action: string, permission: Json): Json =>
  route(prefix, {}, perRoute('rbac', 'rbac.v3.RBACPerRoute', rules(action, permission)));

const routes: readonly Json[] = [
  route('/session', ring({ cookie: { name: 'session', ttl: '60s', path: '/p' } })),
  route('/cookie-given', ring({ cookie: { name: 'session' } })),
  route('/header', ring({ header: { header_name: 'x-key' } })),
  route('/grpc-timeout', { timeout: '5s', max_grpc_timeout: '0s' }),
  route('/grpc-capped', { timeout: '5s', max_grpc_timeout: '0.2s' }),
  { match: { prefix: '/never', ...share(0) }, direct_response: { status: 200, body: { inline_string: 'never' } } },
  { match: { prefix: '/always', ...share(100) }, direct_response: { status: 200, body: { inline_string: 'always' } } },
  { match: { prefix: '/only-grpc', grpc: {} }, direct_response: { status: 200, body: { inline_string: 'grpc' } } },
  { match: { prefix: '/nothing' }, non_forwarding_action: {} },
  route('/own-retry', { retry_policy: { retry_on: 'retriable-4xx' } }),
  rbac('/allow', 'ALLOW', { header: { name: ':method', string_match: { exact: 'GET' } } }),
  rbac('/deny', 'DENY', { url_path: { path: { prefix: '/deny/secret' } } }),
  rbac('/port', 'DENY', { destination_port: 1 }),
  rbac('/not', 'ALLOW', { not_rule: { header: { name: 'x-no', present_match: true } } }),
  route('/'),
];

const row = (title: string, send: string): Case => ({ name: title, send });

export const policies: Feature = {
  name,
  virtualHosts: [
    virtualHost(name, routes, {
      retry_policy: { retry_on: '5xx', num_retries: 1, retry_back_off: { base_interval: '0.005s' } },
    }),
  ],
  clusters: ({ a }) => [cluster('ring', [a], { lb_policy: 'RING_HASH' })],
  cases: [
    row('a cookie for affinity is given', get('/session')),
    row('a cookie for affinity is kept', get('/session', 'cookie: session=mine')),
    row('a cookie without a time to live is not given', get('/cookie-given')),
    row('affinity by header', get('/header', 'x-key: k')),
    {
      name: 'a gRPC timeout counts',
      send: grpc('/grpc-timeout', 'grpc-timeout: 150m'),
      upstream: [{ kind: 'silence' }],
    },
    row('a gRPC timeout is told', grpc('/grpc-timeout', 'grpc-timeout: 3S')),
    {
      name: 'a gRPC timeout is capped',
      send: grpc('/grpc-capped', 'grpc-timeout: 4S'),
      upstream: [{ kind: 'silence' }],
    },
    row('a gRPC timeout means nothing elsewhere', get('/grpc-timeout', 'grpc-timeout: 1m')),
    row('a share of nothing', get('/never')),
    row('a share of everything', get('/always')),
    row('a route for gRPC', grpc('/only-grpc')),
    row('a route for gRPC and no gRPC', get('/only-grpc')),
    row('a route that does not forward', get('/nothing')),
    { name: 'the retries of the virtual host', send: get('/'), upstream: [response(503), response(200)] },
    {
      name: 'the retries of the route replace them',
      send: get('/own-retry'),
      upstream: [response(503), response(200)],
    },
    row('ALLOW that matches', get('/allow')),
    row('ALLOW that does not', request('DELETE /allow', 'policies.test')),
    row('ALLOW that does not, for gRPC', grpc('/allow')),
    row('DENY that matches', get('/deny/secret?x')),
    row('DENY that does not', get('/deny/other')),
    row('DENY by another port', get('/port')),
    row('ALLOW by what is not', get('/not')),
    row('ALLOW by what is not, but is', get('/not', 'x-no: 1')),
  ],
};
