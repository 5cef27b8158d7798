import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResource } from '../parse.ts';

type Case = readonly [block: unknown, path: string, message: RegExp];

const istio = 'networking.istio.io/v1';

function problemsOf(kind: string, spec: unknown, apiVersion = istio) {
  const result = parseResource({ apiVersion, kind, metadata: { name: 'x', namespace: 'shop' }, spec });
  return result.ok ? result.warnings : result.problems;
}

/** Each block, put into a spec, must be refused at the path, with the message. */
function refuses(kind: string, toSpec: (block: unknown) => unknown, cases: readonly Case[], apiVersion = istio): void {
  for (const [block, path, message] of cases) {
    const errors = problemsOf(kind, toSpec(block), apiVersion).filter(({ severity }) => severity === 'error');
    const found = errors.some((error) => error.path === path && message.test(error.message));
    assert.ok(found, `${JSON.stringify(block)}: ${path} ${message.source} is not in ${JSON.stringify(errors)}`);
  }
}

function takes(kind: string, specs: readonly unknown[], apiVersion = istio): void {
  for (const spec of specs) {
    const errors = problemsOf(kind, spec, apiVersion).filter(({ severity }) => severity === 'error');
    assert.deepEqual(errors, [], JSON.stringify(spec));
  }
}

const destination = { host: 'reviews' };
const route = [{ destination }];
const inHttp = (rule: object) => ({ hosts: ['reviews'], http: [{ route, ...rule }] });
const alone = (rule: unknown) => ({ hosts: ['reviews'], http: [rule] });

test('VirtualService: hosts, gateways, exportTo', () => {
  refuses('VirtualService', (block) => ({ ...inHttp({}), ...(block as object) }), [
    [{ hosts: ['*'] }, 'spec.hosts[0]', /not allowed for virtual services bound to the mesh/],
    [{ hosts: ['a..b'] }, 'spec.hosts[0]', /domain name/],
    [{ hosts: ['a.*.b'] }, 'spec.hosts[0]', /label "\*"/],
    [{ hosts: ['10.1'] }, 'spec.hosts[0]', /all digits/],
    [{ hosts: ['*.foo.com', '*.com'] }, 'spec.hosts[1]', /duplicate hosts/],
    [{ hosts: ['a', 'a'] }, 'spec.hosts[1]', /duplicate hosts/],
    [{ gateways: ['a/b/c'] }, 'spec.gateways[0]', /NAMESPACE\/NAME/],
    [{ gateways: ['/b'] }, 'spec.gateways[0]', /NAMESPACE\/NAME/],
    [{ gateways: ['B_d'] }, 'spec.gateways[0]', /domain name/],
    [{ exportTo: ['.', 'shop'] }, 'spec.exportTo[1]', /duplicate/],
    [{ exportTo: ['*', 'a'] }, 'spec.exportTo', /public/],
    [{ exportTo: ['~'] }, 'spec.exportTo[0]', /not a namespace/],
    [{ hosts: undefined, gateways: ['mesh'] }, 'spec.gateways', /delegate/],
    [{ http: [] }, 'spec', /must be provided/],
  ]);
  takes('VirtualService', [
    { ...inHttp({}), hosts: ['10.0.0.1'] },
    { ...inHttp({}), hosts: ['*'], gateways: ['front'] },
    { ...inHttp({}), hosts: ['example.com.'] },
    { http: [{ route }] },
  ]);
});

test('VirtualService: what a rule does', () => {
  refuses('VirtualService', alone, [
    [{}, 'spec.http[0].route', /is required/],
    [{ route, redirect: { uri: '/' } }, 'spec.http[0].route', /both/],
    [{ redirect: { uri: '/' }, fault: { abort: { httpStatus: 500 } } }, 'spec.http[0].fault', /both/],
    [{ redirect: { uri: '/' }, rewrite: { uri: '/' } }, 'spec.http[0].rewrite', /both/],
    [{ redirect: { uri: '/' }, directResponse: { status: 200 } }, 'spec.http[0].directResponse', /both/],
    [{ directResponse: { status: 200 }, fault: { abort: { httpStatus: 500 } } }, 'spec.http[0].fault', /both/],
    [{ directResponse: { status: 99 } }, 'spec.http[0].directResponse.status', /200-599/],
    [
      { directResponse: { status: 200, body: { string: 'x'.repeat(2 ** 21) } } },
      'spec.http[0].directResponse.body',
      /1MB/,
    ],
    [{ delegate: { name: 'a' }, route }, 'spec.http[0].route', /delegate/],
    [{ redirect: {} }, 'spec.http[0].redirect', /must specify/],
    [{ redirect: { uri: '/', redirectCode: 200 } }, 'spec.http[0].redirect.redirectCode', /3xx/],
    [{ redirect: { scheme: 'ftp' } }, 'spec.http[0].redirect.scheme', /"http" or "https"/],
    [{ redirect: { port: 70000 } }, 'spec.http[0].redirect.port', /1-65535/],
  ]);
  takes('VirtualService', [
    alone({ delegate: { name: 'a' } }),
    alone({ redirect: { derivePort: 'FROM_REQUEST_PORT' } }),
    alone({ directResponse: { status: 503, body: { bytes: 'eA==' } } }),
  ]);
});

test('VirtualService: destinations, mirrors, headers', () => {
  refuses('VirtualService', (block) => inHttp(block as object), [
    [{ route: [{ destination: { host: '*' } }] }, 'spec.http[0].route[0].destination.host', /invalid/],
    [{ route: [{ destination: { host: '' } }] }, 'spec.http[0].route[0].destination.host', /must not be empty/],
    [
      { route: [{ destination: { host: 'a', subset: 'a b' } }] },
      'spec.http[0].route[0].destination.subset',
      /DNS label/,
    ],
    [
      { route: [{ destination: { host: 'a', port: { number: 0 } } }] },
      'spec.http[0].route[0].destination.port.number',
      /1-65535/,
    ],
    [{ route: [{ destination, weight: -1 }] }, 'spec.http[0].route[0].weight', /-1/],
    [{ route: [{ destination }, { destination }] }, 'spec.http[0].route', /total destination weight/],
    [{ mirror: destination, mirrors: [{ destination }] }, 'spec.http[0].mirrors', /both/],
    [{ mirrors: [{}] }, 'spec.http[0].mirrors[0].destination', /is required/],
    [{ mirror: destination, mirrorPercentage: { value: 101 } }, 'spec.http[0].mirrorPercentage.value', /100/],
    [{ headers: { request: { add: { ':path': 'x' } } } }, 'spec.http[0].headers.request.add[":path"]', /prefix/],
    [{ headers: { response: { set: { host: 'x' } } } }, 'spec.http[0].headers.response.set.host', /Host/],
    [{ headers: { request: { remove: ['Host'] } } }, 'spec.http[0].headers.request.remove[0]', /Host/],
    [{ headers: { request: { set: { a: '100%' } } } }, 'spec.http[0].headers.request.set.a', /header value/],
    [
      { rewrite: { authority: 'a' }, headers: { request: { set: { Host: 'b' } } } },
      'spec.http[0].headers.request.set.Host',
      /multiple times/,
    ],
    [
      { route: [{ destination, headers: { request: { add: { '': 'x' } } } }] },
      'spec.http[0].route[0].headers.request.add[""]',
      /empty/,
    ],
  ]);
  takes('VirtualService', [inHttp({ headers: { request: { set: { Host: 'b', x: '%REQ(y)%' } } } })]);
});

test('VirtualService: matches', () => {
  refuses('VirtualService', (match) => inHttp({ match: [match] }), [
    [{ uri: { regex: 'a(?=b)' } }, 'spec.http[0].match[0].uri.regex', /RE2/],
    [{ uri: { regex: '' } }, 'spec.http[0].match[0].uri.regex', /empty/],
    [{ uri: { regex: 'x'.repeat(1025) } }, 'spec.http[0].match[0].uri.regex', /too large/],
    [{ method: { prefix: '' } }, 'spec.http[0].match[0].method.prefix', /empty/],
    [{ headers: { 'a b': { exact: 'x' } } }, 'spec.http[0].match[0].headers["a b"]', /header name/],
    [{ headers: { x: { regex: '*' } } }, 'spec.http[0].match[0].headers.x.regex', /missing argument/],
    [{ headers: { x: null } }, 'spec.http[0].match[0].headers.x', /null/],
    [
      { headers: { '@request.auth.claims.sub': { exact: 'x' } } },
      'spec.http[0].match[0].headers["@request.auth.claims.sub"]',
      /gateway/,
    ],
    [{ withoutHeaders: { x: { prefix: '' } } }, 'spec.http[0].match[0].withoutHeaders.x.prefix', /empty/],
    [{ queryParams: { x: { regex: '[' } } }, 'spec.http[0].match[0].queryParams.x.regex', /missing closing/],
    [{ port: 70000 }, 'spec.http[0].match[0].port', /1-65535/],
    [{ sourceLabels: { 'a b': 'c' } }, 'spec.http[0].match[0].sourceLabels["a b"]', /label key/],
    [{ sourceNamespace: 'a.b' }, 'spec.http[0].match[0].sourceNamespace', /namespace/],
  ]);
  takes('VirtualService', [
    inHttp({ match: [{ uri: { prefix: '' }, headers: { x: {} }, withoutHeaders: { y: { regex: '*' } } }] }),
  ]);
});

test('VirtualService: faults, retries, CORS, rewrites', () => {
  refuses('VirtualService', (block) => inHttp(block as object), [
    [{ fault: {} }, 'spec.http[0].fault', /abort and\/or a delay/],
    [{ fault: { abort: { httpStatus: 700 } } }, 'spec.http[0].fault.abort.httpStatus', /200-599/],
    [{ fault: { abort: { grpcStatus: 'SAD' } } }, 'spec.http[0].fault.abort.grpcStatus', /not supported/],
    [{ fault: { abort: { http2Error: 'x' } } }, 'spec.http[0].fault.abort.http2Error', /not supported/],
    [
      { fault: { abort: { httpStatus: 500, percentage: { value: 101 } } } },
      'spec.http[0].fault.abort.percentage.value',
      /range/,
    ],
    [{ fault: { delay: { fixedDelay: '0s' } } }, 'spec.http[0].fault.delay.fixedDelay', /greater than 1ms/],
    [
      { fault: { delay: { fixedDelay: '1s', percentage: { value: 0.00001 } } } },
      'spec.http[0].fault.delay.percentage.value',
      /range/,
    ],
    [{ fault: { delay: { exponentialDelay: '1s' } } }, 'spec.http[0].fault.delay.exponentialDelay', /not supported/],
    [{ timeout: '1.5ms' }, 'spec.http[0].timeout', /ms precision/],
    [{ timeout: 'soon' }, 'spec.http[0].timeout', /not a duration/],
    [{ retries: { attempts: -1 } }, 'spec.http[0].retries.attempts', /negative/],
    [{ retries: { attempts: 0, retryOn: '5xx' } }, 'spec.http[0].retries.attempts', /disabled/],
    [{ retries: { attempts: 1, retryOn: '5xx, reset' } }, 'spec.http[0].retries.retryOn', /" reset"/],
    [{ retries: { attempts: 1, retryOn: '999' } }, 'spec.http[0].retries.retryOn', /999/],
    [{ retries: { attempts: 1, perTryTimeout: '0s' } }, 'spec.http[0].retries.perTryTimeout', /1ms/],
    [{ corsPolicy: { allowOrigins: [{}] } }, 'spec.http[0].corsPolicy.allowOrigins[0]', /allow origins/],
    [{ corsPolicy: { allowMethods: ['FETCH'] } }, 'spec.http[0].corsPolicy.allowMethods[0]', /method/],
    [{ corsPolicy: { allowHeaders: ['a:b'] } }, 'spec.http[0].corsPolicy.allowHeaders[0]', /header name/],
    [{ corsPolicy: { maxAge: '1500ms' } }, 'spec.http[0].corsPolicy.maxAge', /seconds precision/],
    [{ rewrite: {} }, 'spec.http[0].rewrite', /at least one/],
    [
      { rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } },
      'spec.http[0].rewrite.uriRegexRewrite',
      /one of/,
    ],
    [{ rewrite: { uriRegexRewrite: { match: 'a' } } }, 'spec.http[0].rewrite.uriRegexRewrite.rewrite', /both/],
    [
      { rewrite: { uriRegexRewrite: { match: '(a', rewrite: 'b' } } },
      'spec.http[0].rewrite.uriRegexRewrite.match',
      /missing/,
    ],
  ]);
  takes('VirtualService', [
    inHttp({ retries: { attempts: 0 } }),
    inHttp({ retries: { attempts: 2, retryOn: '503,reset' } }),
  ]);
});

test('VirtualService: TCP and TLS', () => {
  const inTls = (match: unknown) => ({ hosts: ['a.com'], tls: [{ match: [match], route }] });
  refuses('VirtualService', inTls, [
    [{ sniHosts: [] }, 'spec.tls[0].match[0].sniHosts', /at least one/],
    [{ sniHosts: ['b.com'] }, 'spec.tls[0].match[0].sniHosts[0]', /subset/],
    [{ sniHosts: ['a.com'], destinationSubnets: ['1.2.3.4/33'] }, 'spec.tls[0].match[0].destinationSubnets[0]', /CIDR/],
  ]);
  refuses('VirtualService', (tcp) => ({ hosts: ['a'], tcp: [tcp] }), [
    [{}, 'spec.tcp[0].route', /required/],
    [{ match: [{ destinationSubnets: ['x'] }], route }, 'spec.tcp[0].match[0].destinationSubnets[0]', /IP address/],
    [{ route: [{ destination, weight: 0 }, { destination }] }, 'spec.tcp[0].route', /weight/],
  ]);
  takes('VirtualService', [inTls({ sniHosts: ['a.com'] })]);
});
