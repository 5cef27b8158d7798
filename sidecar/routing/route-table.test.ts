import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import type { RequestHead } from '../http1/message.ts';
import type { HeaderMatch, StringMatch } from '../snapshot/matchers.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import { aRequest, aResponse, sortedLines } from '../telemetry/heads.fixture.ts';
import { compileRouteTable } from './route-table.ts';
import { aForward, aRoute, aTable, aTableOf, aVirtualHost, compiled } from './routes.fixture.ts';

const context = { random: seededRandom(1), isGrpc: false };
const exact = (value: string, ignoreCase = false): StringMatch => ({ kind: 'exact', value, ignoreCase });
const present = { kind: 'present' } as const;

function aHeader(name: string, match: HeaderMatch['match'], fields: Partial<HeaderMatch> = {}): HeaderMatch {
  return { name, match, invert: false, treatMissingAsEmpty: false, ...fields };
}

const without = { invert: true, treatMissingAsEmpty: true };

const paths = aTableOf([
  aRoute('/exact'),
  aRoute('/prefix*'),
  aRoute('~/item/[0-9]+'),
  aRoute('case', { match: { path: { kind: 'exact', value: '/CaSe', ignoreCase: true } } }),
  aRoute('lower', { match: { path: { kind: 'prefix', value: '/LoWer/', ignoreCase: true } } }),
  aRoute('/slash/*'),
  aRoute('segment', { match: { path: { kind: 'separatedPrefix', value: '/seg', ignoreCase: false } } }),
  aRoute('connect', { match: { path: { kind: 'connect' } } }),
  aRoute('rest', { match: { path: { kind: 'prefix', value: '/', ignoreCase: false } } }),
]);

const pathCases: [path: string, route: string | null][] = [
  ['/exact', '/exact'],
  ['/exact?a=b', '/exact'],
  ['/exact/', 'rest'],
  ['/Exact', 'rest'],
  ['/prefix', '/prefix*'],
  ['/prefixed', '/prefix*'],
  ['/prefix/a/b?c=d', '/prefix*'],
  ['/PREFIX', 'rest'],
  ['/item/42', '~/item/[0-9]+'],
  ['/item/42/x', 'rest'],
  ['/item/42?x=/y', '~/item/[0-9]+'],
  ['/cAsE', 'case'],
  ['/lOWER/x', 'lower'],
  ['/slash', 'rest'],
  ['/slash/x', '/slash/*'],
  ['/prefix%2Fx', '/prefix*'],
  ['//prefix', 'rest'],
  ['/seg', 'segment'],
  ['/seg/x', 'segment'],
  ['/seg?x', 'segment'],
  ['/segment', 'rest'],
  ['*', null],
];
for (const [path, route] of pathCases) {
  test(`the path ${path} goes to ${route ?? 'nobody'}`, () => {
    assert.equal(paths.find(aRequest({ path }), context)?.config.name ?? null, route);
  });
}

test('a CONNECT only takes the route for CONNECT', () => {
  const head = aRequest({ method: 'CONNECT', path: 'reviews:443' });
  assert.equal(paths.find(head, context)?.config.name, 'connect');
});

const headers = aTableOf([
  aRoute('exact', {
    match: { path: { kind: 'prefix', value: '/', ignoreCase: false }, headers: [aHeader('x-exact', exact('one'))] },
  }),
  aRoute('/p*', { match: { headers: [aHeader('x-prefix', { kind: 'prefix', value: 'ab', ignoreCase: false })] } }),
  aRoute('/r*', { match: { headers: [aHeader('x-regex', { kind: 'regex', pattern: 'v[0-9]' })] } }),
  aRoute('/b*', { match: { headers: [aHeader('x-a', exact('1')), aHeader('x-b', exact('2'))] } }),
  aRoute('/present*', { match: { headers: [aHeader('x-present', present)] } }),
  aRoute('/without*', { match: { headers: [aHeader('x-no', exact('bad'), without)] } }),
  aRoute('/absent*', { match: { headers: [aHeader('x-no', present, { invert: true })] } }),
  aRoute('/range*', { match: { headers: [aHeader('x-n', { kind: 'range', start: 1, end: 10 })] } }),
  aRoute('/invert*', { match: { headers: [aHeader('x-no', exact('bad'), { invert: true })] } }),
  aRoute('/method*', { match: { headers: [aHeader(':method', exact('POST'))] } }),
  aRoute('/authority*', { match: { headers: [aHeader(':authority', exact('reviews:80'))] } }),
  aRoute('/scheme*', { match: { headers: [aHeader(':scheme', exact('https'))] } }),
]);

const headerCases: [name: string, head: RequestHead, matches: boolean][] = [
  ['an exact value', aRequest({}, { 'x-exact': 'one' }), true],
  ['an exact value in other case', aRequest({}, { 'x-exact': 'One' }), false],
  ['a header sent twice, one line of which is right', aRequest({}, { 'x-exact': ['one', 'two'] }), true],
  ['a header sent twice, the second line of which is right', aRequest({}, { 'x-exact': ['two', 'one'] }), true],
  ['a header whose value only is right when joined', aRequest({ path: '/r' }, { 'x-regex': ['v', '1'] }), false],
  ['a prefix', aRequest({ path: '/p' }, { 'x-prefix': 'abc' }), true],
  ['a regex', aRequest({ path: '/r' }, { 'x-regex': 'v1' }), true],
  ['a regex that only matches a part', aRequest({ path: '/r' }, { 'x-regex': 'v12' }), false],
  ['both of two headers', aRequest({ path: '/b' }, { 'x-a': '1', 'x-b': '2' }), true],
  ['one of two headers', aRequest({ path: '/b' }, { 'x-a': '1' }), false],
  ['presence with a value', aRequest({ path: '/present' }, { 'x-present': 'x' }), true],
  ['presence with an empty value', aRequest({ path: '/present' }, { 'x-present': '' }), true],
  ['presence of a missing header', aRequest({ path: '/present' }), false],
  ['without a value, header missing', aRequest({ path: '/without' }), true],
  ['without a value, other value', aRequest({ path: '/without' }, { 'x-no': 'good' }), true],
  ['without a value, that value', aRequest({ path: '/without' }, { 'x-no': 'bad' }), false],
  ['without a value, that value among others', aRequest({ path: '/without' }, { 'x-no': ['good', 'bad'] }), false],
  ['absence of a missing header', aRequest({ path: '/absent' }), true],
  ['absence of a header that is there', aRequest({ path: '/absent' }, { 'x-no': 'x' }), false],
  ['an inverted match without the header', aRequest({ path: '/invert' }), false],
  ['a number at the start of its range', aRequest({ path: '/range' }, { 'x-n': '1' }), true],
  ['a number at the end of its range', aRequest({ path: '/range' }, { 'x-n': '10' }), false],
  ['a number that is none', aRequest({ path: '/range' }, { 'x-n': '5x' }), false],
  ['the method', aRequest({ path: '/method', method: 'POST' }), true],
  ['another method', aRequest({ path: '/method' }), false],
  ['the authority with its port', aRequest({ path: '/authority', authority: 'reviews:80' }), true],
  ['the authority in other case', aRequest({ path: '/authority', authority: 'Reviews:80' }), false],
  ['the scheme', aRequest({ path: '/scheme', scheme: 'https' }), true],
];
for (const [name, head, matches] of headerCases) {
  test(`${name} ${matches ? 'matches' : 'does not match'}`, () => {
    assert.equal(headers.find(head, context) !== null, matches);
  });
}

const queries: [query: string, match: StringMatch | typeof present, matches: boolean][] = [
  ['?e=1', exact('1'), true],
  ['?a=0&e=1', exact('1'), true],
  ['?e=1&e=2', exact('2'), false],
  ['?e=%31', exact('1'), false],
  ['?e', exact(''), true],
  ['?e=', exact(''), true],
  ['?e=x', exact(''), false],
  ['?ee=1&xe=1', present, false],
  ['?&e', present, true],
  ['', present, false],
  ['?e=a&x', { kind: 'regex', pattern: '[a-c]' }, true],
];
for (const [query, match, matches] of queries) {
  const match_ = JSON.stringify(match);
  test(`the query ${query} ${matches ? 'matches' : 'does not match'} ${match_}`, () => {
    const table = aTableOf([aRoute('/', { match: { query: [{ name: 'e', match }] } })]);
    assert.equal(table.find(aRequest({ path: `/${query}` }), context) !== null, matches);
  });
}

test('routes are tried in order, and the first that matches wins', () => {
  const table = aTableOf([aRoute('/*'), aRoute('/late')]);
  assert.equal(table.find(aRequest({ path: '/late' }), context)?.config.name, '/*');
});

test('no virtual host and no route are told apart', () => {
  const table = compiled(aTable([aVirtualHost(['ratings'], [aRoute('/only')])]));
  const noRoute = aRequest({ authority: 'ratings', path: '/other' });
  const noHost = aRequest({ authority: 'other', path: '/only' });
  assert.deepEqual([table.find(noRoute, context), table.whyNotFound(noRoute)], [null, 'no_route']);
  assert.deepEqual([table.find(noHost, context), table.whyNotFound(noHost)], [null, 'no_virtual_host']);
});

test('a gRPC route only takes gRPC', () => {
  const table = aTableOf([aRoute('/*', { match: { grpcOnly: true } })]);
  assert.equal(table.find(aRequest(), context), null);
  assert.notEqual(table.find(aRequest(), { ...context, isGrpc: true }), null);
});

test('fractions of successive routes are shares of one draw', () => {
  const share = (numerator: number) => ({ match: { fraction: { numerator, denominator: 100 as const } } });
  const table = aTableOf([
    aRoute('/*', { name: 'a', ...share(20) }),
    aRoute('/*', { name: 'b', ...share(50) }),
    aRoute('/*'),
  ]);
  const at = (draw: number) => table.find(aRequest(), { random: () => draw, isGrpc: false })?.config.name;
  assert.deepEqual([0, 0.19, 0.2, 0.49, 0.5, 0.99].map(at), ['a', 'a', 'b', 'b', '/*', '/*']);
});

test('everything that is wrong with a table is said at once, with its place', () => {
  const table = aTable([
    aVirtualHost(
      ['a'],
      [
        aRoute('~(', { name: '' }),
        aRoute('/x', {
          name: 'x',
          requestHeaders: { add: [{ name: 'a', value: '%NOPE%', action: 'append', keepEmpty: false }], remove: [] },
        }),
        aRoute('/y', { name: 'y', action: aForward('c', { regexRewrite: { pattern: 'a(?=b)', substitution: '' } }) }),
        aRoute('/z', { name: 'z', match: { headers: [aHeader('h', { kind: 'regex', pattern: String.raw`(a)\1` })] } }),
      ],
    ),
  ]);
  const result = compileRouteTable(table);
  assert(!result.ok);
  assert.deepEqual(
    result.problems.map(({ path }) => path),
    [
      'routes[80].virtualHosts[a].routes[0].match.path',
      'routes[80].virtualHosts[a].routes[x].requestHeaders.add[0].value',
      'routes[80].virtualHosts[a].routes[y].regexRewrite.pattern',
      'routes[80].virtualHosts[a].routes[z].match.headers.h',
    ],
  );
});

test('headers are changed from the weighted cluster to the table, each level seeing what the last one left', () => {
  const op = (value: string) => ({
    add: [
      { name: 'x-a', value, action: 'overwrite' as const, keepEmpty: false },
      { name: 'x-b', value, action: 'append' as const, keepEmpty: false },
    ],
    remove: ['x-c'],
  });
  const weighted = { name: 'c', weight: 1, hostRewrite: null, filters: {} };
  const clusters = [{ ...weighted, requestHeaders: op('cluster'), responseHeaders: op('cluster') }];
  const route = aRoute('/*', {
    action: aForward('', { target: { kind: 'weighted', clusters, totalWeight: 1 } }),
    requestHeaders: op('route'),
    responseHeaders: op('route'),
  });
  const virtualHost = { ...aVirtualHost(['*'], [route]), requestHeaders: op('host'), responseHeaders: op('host') };
  const table = compiled(aTable([virtualHost], { requestHeaders: op('table'), responseHeaders: op('table') }));
  const head = aRequest({}, { 'x-b': 'client', 'x-c': 'client' });
  const found = table.find(head, context);
  const target = found?.chooseTarget(head, context.random) ?? null;
  assert.equal(target?.clusterName, 'c');
  found?.applyRequestHeaders(head, target, new AccessRecord());
  assert.deepEqual(sortedLines(head), [
    ['x-a', 'table'],
    ['x-b', 'client'],
    ['x-b', 'cluster'],
    ['x-b', 'host'],
    ['x-b', 'route'],
    ['x-b', 'table'],
  ]);
  const response = aResponse();
  found?.applyResponseHeaders(response, null, new AccessRecord());
  assert.deepEqual(response.headers.getJoined('x-b'), 'route,host,table');
});

test('the cluster may be named by a header', () => {
  const table = aTableOf([aRoute('/*', { action: aForward('', { target: { kind: 'header', name: 'X-Cluster' } }) })]);
  const head = aRequest({}, { 'x-cluster': 'blue' });
  const route = table.find(head, context);
  assert.equal(route?.chooseTarget(head, context.random)?.clusterName, 'blue');
  assert.equal(route.chooseTarget(aRequest(), context.random)?.clusterName, '');
});

test('overrides come most specific first', () => {
  const cors = (allowMethods: string) => ({ cors: { allowMethods } as never });
  const weighted = {
    weight: 1,
    hostRewrite: null,
    requestHeaders: { add: [], remove: [] },
    responseHeaders: { add: [], remove: [] },
  };
  const clusters = [{ ...weighted, name: 'c', filters: cors('cluster') }];
  const route = aRoute('/*', {
    action: aForward('', { target: { kind: 'weighted', clusters, totalWeight: 1 } }),
    filters: cors('route'),
  });
  const table = compiled(aTable([{ ...aVirtualHost(['*'], [route]), filters: cors('host') }]));
  const found = table.find(aRequest(), context);
  const methods = (overrides: readonly { cors?: { allowMethods: string } | undefined }[] | undefined) =>
    overrides?.map((one) => one.cors?.allowMethods);
  assert.deepEqual(methods(found?.overrides), ['route', 'host']);
  assert.deepEqual(methods(found?.chooseTarget(aRequest(), context.random)?.overrides), ['cluster', 'route', 'host']);
});

test('what was judged is what is put into force: a table is compiled once', () => {
  const table = aTable([aVirtualHost(['*'], [aRoute('/')])]);
  assert.equal(compileRouteTable(table), compileRouteTable(table));
  assert.notEqual(compileRouteTable(table), compileRouteTable({ ...table }));
});
