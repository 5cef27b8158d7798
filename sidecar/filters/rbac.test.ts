import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterContext } from '../proxy/filter.ts';
import type { RbacConfig, RbacPermission, RbacPrincipal } from '../snapshot/http-filter.ts';
import type { HeaderMatch, StringMatch } from '../snapshot/matchers.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import { aContext, aTls } from './contexts.fixture.ts';
import { compileConnectionGuard, RbacFilter } from './rbac.ts';

const exact = (value: string, ignoreCase = false): StringMatch => ({ kind: 'exact', value, ignoreCase });
const any = { kind: 'any' } as const;
const name = 'ns[default]-policy[p]-rule[0]';

function aPolicy(
  action: RbacConfig['action'],
  permission: RbacPermission = any,
  principal: RbacPrincipal = any,
): RbacConfig {
  return { action, policies: [{ name, permissions: [permission], principals: [principal] }] };
}

function aFilter(config: RbacConfig | null, hops = 0): RbacFilter {
  const problems: [] = [];
  const filter = new RbacFilter(config, hops, { path: '', problems });
  assert.deepEqual(problems, []);
  return filter;
}

/** Null: allowed; else the details of the refusal. */
function refusal(config: RbacConfig | null, context: FilterContext = aContext(), hops = 0): string | null {
  const verdict = aFilter(config, hops).onRequest(context);
  return verdict.kind === 'reply' ? verdict.reply.details : null;
}

const denied = `rbac_access_denied_matched_policy[${name}]`;
const fallenThrough = 'rbac_access_denied_matched_policy[none]';

test('a refusal is a 403 that names the policy, without a flag', () => {
  assert.deepEqual(aFilter(aPolicy('DENY')).onRequest(aContext()), {
    kind: 'reply',
    reply: { status: 403, body: 'RBAC: access denied', headers: [], flag: '', details: denied, grpcStatus: null },
  });
});

const nobody: RbacPermission = { kind: 'not', rule: any };
const actions: [what: string, config: RbacConfig | null, expected: string | null][] = [
  ['DENY that matches', aPolicy('DENY'), denied],
  ['DENY that does not match', aPolicy('DENY', nobody), null],
  ['ALLOW that matches', aPolicy('ALLOW'), null],
  ['ALLOW that does not match', aPolicy('ALLOW', nobody), fallenThrough],
  ['ALLOW without policies', { action: 'ALLOW', policies: [] }, fallenThrough],
  ['DENY without policies', { action: 'DENY', policies: [] }, null],
  ['LOG that matches', aPolicy('LOG'), null],
  ['LOG that does not match', aPolicy('LOG', nobody), null],
  ['no configuration', null, null],
];
for (const [what, config, expected] of actions) {
  test(`${what} gives ${expected ?? 'leave'}`, () => assert.equal(refusal(config), expected));
}

test('the first policy by name that matches is named, blanks in it replaced', () => {
  const policies = ['a b', 'c'].map((one) => ({ name: one, permissions: [any], principals: [any] }));
  assert.equal(refusal({ action: 'DENY', policies }), 'rbac_access_denied_matched_policy[a_b]');
});

test('a policy needs one of its permissions and one of its principals', () => {
  const other: RbacPrincipal = { kind: 'not', rule: any };
  assert.equal(refusal(aPolicy('DENY', any, other)), null);
  const several = {
    action: 'DENY',
    policies: [{ name, permissions: [nobody, any], principals: [other, any] }],
  } as const;
  assert.equal(refusal(several), denied);
});

const header = (headerName: string, match: HeaderMatch['match'], invert = false): RbacPermission => ({
  kind: 'header',
  header: { name: headerName, match, invert, treatMissingAsEmpty: invert },
});
const path = (value: string): RbacPermission => ({ kind: 'path', path: exact(value) });
const get = (target: string, lines = {}) =>
  aContext({ request: aRequest({ path: target, authority: 'Server:80' }, lines) });

const permissions: [what: string, permission: RbacPermission, context: FilterContext, matches: boolean][] = [
  ['a path', path('/admin'), get('/admin?x=/y'), true],
  ['another path', path('/admin'), get('/admin/'), false],
  ['a method', header(':method', exact('GET')), get('/'), true],
  ['a host in other case', header(':authority', exact('server:80', true)), get('/'), true],
  ['a host without its port', header(':authority', exact('server', true)), get('/'), false],
  ['a header', header('x-a', exact('1')), get('/', { 'x-a': '1' }), true],
  ['one line of a header sent twice', header('x-a', exact('1')), get('/', { 'x-a': ['2', '1'] }), true],
  ['the lines of a header joined', header('x-a', exact('2,1')), get('/', { 'x-a': ['2', '1'] }), false],
  ['not a value, header missing', header('x-a', exact('1'), true), get('/'), true],
  ['not a value, which one line has', header('x-a', exact('1'), true), get('/', { 'x-a': ['2', '1'] }), false],
  ['a port', { kind: 'destinationPort', port: 8080 }, aContext(), true],
  ['another port', { kind: 'destinationPort', port: 9090 }, aContext(), false],
  ['a destination', { kind: 'destinationIp', cidr: '10.77.1.0/24' }, aContext(), true],
  ['a server name', { kind: 'serverName', match: exact('a') }, aContext({ tls: aTls({ serverName: 'a' }) }), true],
  ['a server name on plaintext', { kind: 'serverName', match: exact('a') }, aContext(), false],
  ['and', { kind: 'and', rules: [path('/a'), any] }, get('/a'), true],
  ['and with one that fails', { kind: 'and', rules: [path('/a'), nobody] }, get('/a'), false],
  ['or', { kind: 'or', rules: [nobody, path('/a')] }, get('/a'), true],
  ['not', { kind: 'not', rule: path('/a') }, get('/b'), true],
];
for (const [what, permission, context, matches] of permissions) {
  test(`the permission of ${what} ${matches ? 'holds' : 'does not hold'}`, () => {
    assert.equal(refusal(aPolicy('DENY', permission), context), matches ? denied : null);
  });
}

const client = 'spiffe://cluster.local/ns/default/sa/client';
const named = (match: StringMatch | null): RbacPrincipal => ({ kind: 'authenticated', name: match });
const mtls = aContext({ tls: aTls() });
const oneWay = aContext({ tls: aTls({ peerUriSans: [], peerCertificateSha256: '' }) });
const namespace = { kind: 'regex', pattern: '.*/ns/default/.*' } as const;
const cidr = (kind: 'directRemoteIp' | 'remoteIp' | 'sourceIp', range: string): RbacPrincipal => ({
  kind,
  cidr: range,
});
const forwarded = (value: string) => get('/', { 'x-forwarded-for': value });

const principals: [what: string, principal: RbacPrincipal, context: FilterContext, matches: boolean][] = [
  ['a name over mutual TLS', named(exact(client)), mtls, true],
  ['a namespace', named(namespace), mtls, true],
  ['another name', named(exact(`${client}2`)), mtls, false],
  ['any authenticated peer', named(null), mtls, true],
  ['any authenticated peer, on plaintext', named(null), aContext(), false],
  ['any authenticated peer, without a certificate', named({ kind: 'regex', pattern: '.*' }), oneWay, false],
  ['not a name, on plaintext', { kind: 'not', rule: named(exact(client)) }, aContext(), true],
  [
    'a DNS name',
    named(exact('a.example')),
    aContext({ tls: aTls({ peerUriSans: [], peerDnsSans: ['a.example'] }) }),
    true,
  ],
  ['the peer’s address', cidr('directRemoteIp', '10.77.0.0/16'), mtls, true],
  ['the peer’s address, whatever is forwarded', cidr('directRemoteIp', '1.2.3.4'), forwarded('1.2.3.4'), false],
  ['the client’s address', cidr('remoteIp', '1.2.3.0/24'), forwarded('9.9.9.9, 1.2.3.4'), true],
  [
    'the client’s address, but not one before the last',
    cidr('remoteIp', '9.9.9.9'),
    forwarded('9.9.9.9, 1.2.3.4'),
    false,
  ],
  ['the client’s address, when none is forwarded', cidr('remoteIp', '10.77.1.10/32'), mtls, true],
  ['the client’s address, when nonsense is forwarded', cidr('remoteIp', '10.77.1.10/32'), forwarded('x'), true],
];
for (const [what, principal, context, matches] of principals) {
  test(`the principal ${what} ${matches ? 'holds' : 'does not hold'}`, () => {
    assert.equal(refusal(aPolicy('DENY', any, principal), context), matches ? denied : null);
  });
}

test('trusted hops are counted back from the end of x-forwarded-for', () => {
  const config = aPolicy('DENY', any, cidr('remoteIp', '9.9.9.9'));
  assert.equal(refusal(config, forwarded('9.9.9.9, 1.2.3.4'), 1), denied);
});

test("a route's policies replace the listener's, and null switches them off", () => {
  const filter = aFilter(aPolicy('DENY'));
  const kindUnder = (rbac: RbacConfig | null) => filter.onRequest(aContext({ overrides: [{}, { rbac }] })).kind;
  assert.deepEqual(
    [kindUnder(null), kindUnder(aPolicy('ALLOW')), kindUnder(aPolicy('DENY'))],
    ['continue', 'continue', 'reply'],
  );
});

test('a TCP connection passes all guards or is refused by the first', () => {
  const guard = compileConnectionGuard([
    aPolicy('DENY', any, cidr('directRemoteIp', '10.0.0.1')),
    aPolicy('ALLOW', { kind: 'destinationPort', port: 8080 }),
  ]);
  assert(guard.ok);
  const from = (remoteAddress: string, localPort: number) =>
    guard.value.allowsConnection(aContext({ remoteAddress, localPort }));
  assert.deepEqual(from('10.0.0.2', 8080), { allowed: true });
  assert.deepEqual(from('10.0.0.1', 8080), { allowed: false, details: denied });
  assert.deepEqual(from('10.0.0.2', 8081), { allowed: false, details: fallenThrough });
});

test('on TCP nothing that speaks of HTTP holds', () => {
  const guard = compileConnectionGuard([aPolicy('ALLOW', path('/'))]);
  assert(guard.ok);
  assert.deepEqual(guard.value.allowsConnection(aContext()), { allowed: false, details: fallenThrough });
});
