import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HashPolicy } from '../snapshot/route.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import { hashKeyOf } from './hash-key.ts';

const head = aRequest(
  { path: '/a?user=x&user=y' },
  { 'x-user': 'jane', 'x-two': ['1', '2'], cookie: ['a=1; b="quoted"', 'c=3; empty='] },
);
const source = { head, remoteAddress: '10.0.0.1', random: () => 0.5 };
const cookie = (name: string, ttlMs: number | null = null): HashPolicy => ({
  kind: 'cookie',
  name,
  ttlMs,
  path: '/p',
  attributes: ['SameSite=Lax'],
  terminal: false,
});
const header = (name: string, terminal = false): HashPolicy => ({ kind: 'header', name, terminal });

const cases: [name: string, policies: HashPolicy[], key: string | null][] = [
  ['no policy', [], null],
  ['a header', [header('X-User')], 'jane'],
  ['a header sent twice', [header('x-two')], '1,2'],
  ['a missing header', [header('x-none')], null],
  ['the authority', [header(':authority')], 'reviews'],
  ['a query parameter', [{ kind: 'query', name: 'user', terminal: false }], 'x'],
  ['the source address', [{ kind: 'sourceIp', terminal: false }], '10.0.0.1'],
  ['a cookie', [cookie('a')], '1'],
  ['a quoted cookie', [cookie('b')], 'quoted'],
  ['a cookie of the second line', [cookie('c')], '3'],
  ['an empty cookie', [cookie('empty')], null],
  ['two policies', [header('x-user'), { kind: 'sourceIp', terminal: false }], 'jane\n10.0.0.1'],
  ['a terminal policy that applies', [header('x-user', true), { kind: 'sourceIp', terminal: false }], 'jane'],
  [
    'a terminal policy that does not apply',
    [header('x-none', true), { kind: 'sourceIp', terminal: false }],
    '10.0.0.1',
  ],
];
for (const [name, policies, key] of cases) {
  test(`the key of ${name}`, () => assert.deepEqual(hashKeyOf(policies, source), { key, setCookie: null }));
}

test('a cookie with a time to live is made for clients that have none, and hashed', () => {
  const key = '8000000080000000';
  assert.deepEqual(hashKeyOf([cookie('s', 60_000)], source), {
    key,
    setCookie: `s="${key}"; Max-Age=60; Path=/p; SameSite=Lax; HttpOnly`,
  });
  assert.equal(hashKeyOf([cookie('s', 0)], source).setCookie, `s="${key}"; Path=/p; SameSite=Lax; HttpOnly`);
  assert.deepEqual(hashKeyOf([cookie('a', 60_000)], source), { key: '1', setCookie: null });
});

test('a TCP connection is only hashed by its source address', () => {
  const tcp = { ...source, head: null };
  assert.deepEqual(hashKeyOf([header('x-user'), cookie('s', 1)], tcp), { key: null, setCookie: null });
  assert.equal(hashKeyOf([{ kind: 'sourceIp', terminal: false }], tcp).key, '10.0.0.1');
});
