import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardAction, HeaderOps, HostRewrite } from '../snapshot/route.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import { aRequest, fieldsOf, sortedLines } from '../telemetry/heads.fixture.ts';
import { aForward, aRoute, aTableOf } from './routes.fixture.ts';

const context = { random: () => 0, isGrpc: false };

/** What goes upstream when the route with this match and action takes the request. */
function forwarded(match: string, action: Partial<ForwardAction>, head = aRequest(), requestHeaders?: HeaderOps) {
  const fields = requestHeaders === undefined ? {} : { requestHeaders };
  const route = aTableOf([aRoute(match, { action: aForward('c', action), ...fields })]).find(head, context);
  assert(route !== null);
  const record = new AccessRecord();
  record.request = head;
  record.cluster = 'outbound|80||ratings;';
  record.downstreamRemoteAddress = '10.0.0.1:5000';
  route.applyRequestHeaders(head, route.chooseTarget(head, context.random), record);
  return head;
}

const prefixes: [match: string, rewrite: string, from: string, to: string][] = [
  ['/old/*', '/new/', '/old/a/b?q=1', '/new/a/b?q=1'],
  ['/old/*', '/new/', '/old/', '/new/'],
  ['/cut/*', '/', '/cut/a', '/a'],
  ['/cut/*', '/', '/cut/', '/'],
  ['/bare*', '/', '/bare', '/'],
  ['/bare*', '/', '/bare/a', '//a'],
  ['/bare*', '/', '/barefoot', '/foot'],
  ['/tail*', '/t', '/tail/a', '/t/a'],
  ['/tail*', '/t', '/tailor', '/tor'],
  ['/slashless/*', '/s', '/slashless/a', '/sa'],
  ['/one', '/two', '/one?q=1', '/two?q=1'],
  ['~/re/.*', '/fixed', '/re/x/y?q=1', '/fixed?q=1'],
  ['/*', '/all', '/x/y', '/allx/y'],
  ['/same*', '/same', '/same/a', '/same/a'],
];
for (const [match, prefixRewrite, from, to] of prefixes) {
  test(`${match} to ${prefixRewrite} turns ${from} into ${to}`, () => {
    const head = forwarded(match, { prefixRewrite }, aRequest({ path: from }));
    assert.deepEqual([head.path, head.headers.get('x-envoy-original-path')], [to, from]);
  });
}

test('a prefix that ignores case is cut by its length', () => {
  const head = aRequest({ path: '/mIXED/x' });
  const path = { kind: 'prefix', value: '/Mixed', ignoreCase: true } as const;
  const table = aTableOf([aRoute('/', { match: { path }, action: aForward('c', { prefixRewrite: '/m' }) })]);
  const route = table.find(head, context);
  route?.applyRequestHeaders(head, route.chooseTarget(head, context.random), new AccessRecord());
  assert.equal(head.path, '/m/x');
});

const regexes: [pattern: string, substitution: string, from: string, to: string][] = [
  ['/a', '/b', '/a/a?x=/a', '/b/b?x=/a'],
  ['^/service/([^/]+)(/.*)$', String.raw`\2/instance/\1`, '/service/foo/v1/api?q', '/v1/api/instance/foo?q'],
  ['(?i)/XXX', '/yyy', '/aaa/XxX/bbb', '/aaa/yyy/bbb'],
  ['a', String.raw`[\0]$1$&`, '/a', '/[a]$1$&'],
  ['b', 'c', '/a', '/a'],
];
for (const [pattern, substitution, from, to] of regexes) {
  test(`replacing ${pattern} by ${substitution} turns ${from} into ${to}`, () => {
    const head = forwarded('/*', { regexRewrite: { pattern, substitution } }, aRequest({ path: from }));
    assert.deepEqual([head.path, head.headers.get('x-envoy-original-path')], [to, from]);
  });
}

test('without a rewrite nothing is said of an original', () => {
  const head = forwarded('/*', {}, aRequest({ path: '/a' }));
  assert.deepEqual([head.path, head.authority, head.headers.size], ['/a', 'reviews', 0]);
});

const hosts: [name: string, rewrite: HostRewrite, authority: string, original: string | undefined][] = [
  ['a literal', { kind: 'literal', value: 'rw.example.com' }, 'rw.example.com', 'reviews'],
  ['a header', { kind: 'header', name: 'X-Host' }, 'by-header', 'reviews'],
  ['a missing header', { kind: 'header', name: 'x-none' }, 'reviews', undefined],
  ['the endpoint, later', { kind: 'auto' }, 'reviews', undefined],
];
for (const [name, hostRewrite, authority, original] of hosts) {
  test(`the host is rewritten by ${name}`, () => {
    const head = forwarded('/*', { hostRewrite }, aRequest({}, { 'x-host': 'by-header' }));
    assert.deepEqual([head.authority, head.headers.get('x-envoy-original-host')], [authority, original]);
  });
}

for (const name of ['Host', ':authority']) {
  test(`setting the header ${name} rewrites the host`, () => {
    const add = [{ name, value: 'set.example.com', action: 'overwrite', keepEmpty: false } as const];
    const head = forwarded('/*', {}, aRequest(), { add, remove: ['host'] });
    assert.deepEqual([head.authority, head.headers.get('x-envoy-original-host')], ['set.example.com', 'reviews']);
    assert(!head.headers.has('host'));
  });
}

test('values of headers may be format strings, which see the request before the rewrite', () => {
  const op = (name: string, value: string) => ({ name, value, action: 'overwrite', keepEmpty: false }) as const;
  const add = [
    op('x-host', '%REQ(:authority)%'),
    op('x-path', '%REQ(:path)%'),
    op('x-percent', '100%%'),
    op('x-upstream', '%UPSTREAM_CLUSTER%'),
    op('x-from', 'ip=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
    op('x-missing', '%REQ(x-none)%'),
    op('x-copied', '%REQ(x-host)%'),
  ];
  const head = forwarded('/*', { prefixRewrite: '/n' }, aRequest({ path: '/vars?x=1' }), { add, remove: [] });
  assert.deepEqual(fieldsOf(head), {
    'x-host': 'reviews',
    'x-path': '/vars?x=1',
    'x-percent': '100%',
    'x-upstream': 'outbound|80||ratings;',
    'x-from': 'ip=10.0.0.1',
    'x-envoy-original-path': '/vars?x=1',
  });
});

test('each action does what it says, removals first', () => {
  const op = (
    name: string,
    action: 'append' | 'overwrite' | 'add_if_absent' | 'overwrite_if_exists',
    value = 'new',
  ) => ({
    name,
    value,
    action,
    keepEmpty: false,
  });
  const add = [
    op('x-append', 'append'),
    op('x-gone', 'append'),
    op('x-set', 'overwrite'),
    op('x-absent', 'add_if_absent'),
    op('x-there', 'add_if_absent'),
    op('x-there', 'overwrite_if_exists', 'newer'),
    op('x-nowhere', 'overwrite_if_exists'),
    op('x-empty', 'append', ''),
    { ...op('x-kept', 'append', ''), keepEmpty: true },
  ];
  const lines = { 'x-append': 'old', 'x-gone': 'old', 'x-set': ['a', 'b'], 'x-there': 'old' };
  const head = forwarded('/*', {}, aRequest({}, lines), { add, remove: ['X-Gone'] });
  assert.deepEqual(sortedLines(head), [
    ['x-absent', 'new'],
    ['x-append', 'new'],
    ['x-append', 'old'],
    ['x-gone', 'new'],
    ['x-kept', ''],
    ['x-set', 'new'],
    ['x-there', 'newer'],
  ]);
});
