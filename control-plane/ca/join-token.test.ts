import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FakeClock } from '#shared/runtime/clock.ts';
import { inspect } from 'node:util';
import { joinTokenAttestor } from './attestors/join-token.ts';
import { JoinTokens, openJoinTokenKey } from './join-token.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const key = Buffer.alloc(32, 7);
const account = { namespace: 'shop', serviceAccount: 'cart' };
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const mac = (body: string, k: Buffer = key) => createHmac('sha256', k).update(body).digest('base64url');

function someTokens(options: { trustDomain?: string; audience?: string } = {}) {
  const clock = new FakeClock(now);
  return {
    clock,
    tokens: new JoinTokens({ key: () => key, trustDomain: 'cluster.local', audience: 'tulle-ca', clock, ...options }),
  };
}

function mint(tokens: JoinTokens, lifeMs?: number): string {
  const made = tokens.mint(account, lifeMs);
  assert.ok(made.ok);
  return made.value.token.reveal();
}

test('a token says for whom it is, lives one hour, and prints as redacted', () => {
  const { tokens, clock } = someTokens();
  const made = tokens.mint(account);
  assert.ok(made.ok);
  const claims = tokens.verify(made.value.token.reveal());
  const seconds = now / 1000;
  assert.deepEqual(claims, {
    ok: true,
    warnings: [],
    value: {
      trustDomain: 'cluster.local',
      ...account,
      aud: 'tulle-ca',
      exp: seconds + 3600,
      iat: seconds,
      jti: made.value.id,
    },
  });
  assert.ok(!inspect(made).includes(made.value.token.reveal().slice(-20)));
  clock.advance(3_599_000);
  assert.ok(tokens.verify(made.value.token.reveal()).ok);
  clock.advance(1000);
  assert.ok(!tokens.verify(made.value.token.reveal()).ok);
});

test('refuses tokens by the name of what is wrong', () => {
  const { tokens, clock } = someTokens();
  const token = mint(tokens);
  const [head = '', payload = '', signature = ''] = token.split('.');
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const signed = (changes: Record<string, unknown>) => {
    const body = `${head}.${encode({ ...claims, ...changes })}`;
    return `${body}.${mac(body)}`;
  };
  const withHeader = (header: unknown) => {
    const body = `${encode(header)}.${payload}`;
    return `${body}.${mac(body)}`;
  };
  const later = mint(
    new JoinTokens({
      key: () => key,
      trustDomain: 'cluster.local',
      audience: 'tulle-ca',
      clock: new FakeClock(now + 61_000),
    }),
  );
  const cases: Record<string, [string, string]> = {
    empty: ['', 'token_malformed'],
    'four parts': [`${token}.x`, 'token_malformed'],
    'too long': ['x'.repeat(5000), 'token_malformed'],
    'alg none': [`${encode({ alg: 'none', typ: 'tulle-join+jwt' })}.${payload}.`, 'token_algorithm'],
    'another algorithm, well signed': [withHeader({ alg: 'HS512', typ: 'tulle-join+jwt' }), 'token_algorithm'],
    'the same header written otherwise': [withHeader({ typ: 'tulle-join+jwt', alg: 'HS256' }), 'token_algorithm'],
    'no signature': [`${head}.${payload}.`, 'token_signature'],
    'signature with padding': [`${token}=`, 'token_signature'],
    'another key': [`${head}.${payload}.${mac(`${head}.${payload}`, Buffer.alloc(32, 8))}`, 'token_signature'],
    'other claims under the signature': [
      `${head}.${encode({ ...claims, namespace: 'x' })}.${signature}`,
      'token_signature',
    ],
    'claims that are no object': [`${head}.${encode(5)}.${mac(`${head}.${encode(5)}`)}`, 'token_claims'],
    'no namespace': [signed({ namespace: undefined }), 'token_claims'],
    'text for a time': [signed({ exp: '9999999999' }), 'token_claims'],
    'a time beyond dates': [signed({ exp: 1e15 }), 'token_claims'],
    expired: [signed({ exp: now / 1000, iat: now / 1000 - 60 }), 'token_expired'],
    'from the future': [later, 'token_not_yet_valid'],
    'without end': [signed({ exp: now / 1000 + 86_401 }), 'token_life'],
    'for somebody else': [mint(someTokens({ audience: 'other' }).tokens), 'token_audience'],
    'of another mesh': [mint(someTokens({ trustDomain: 'other' }).tokens), 'token_trust_domain'],
  };
  const found = Object.entries(cases).map(([name, [text]]) => {
    const result = tokens.verify(text);
    return [name, result.ok ? 'accepted' : result.problems.map(({ code }) => code).join()];
  });
  assert.deepEqual(
    Object.fromEntries(found),
    Object.fromEntries(Object.entries(cases).map(([n, [, code]]) => [n, code])),
  );
  assert.equal(clock.now(), now);
});

test('a token is for a service account that can be, and its life is bounded', () => {
  const { tokens } = someTokens();
  assert.equal(tokens.mint({ namespace: 'a/sa/b', serviceAccount: 'cart' }).ok, false);
  assert.equal(tokens.mint({ namespace: 'shop', serviceAccount: '' }).ok, false);
  for (const lifeMs of [0, 999, -1, Number.NaN, 86_400_001]) assert.equal(tokens.mint(account, lifeMs).ok, false);
  assert.ok(tokens.mint(account, 86_400_000).ok);
});

test('no text is a crash, signed or not', () => {
  const { tokens } = someTokens();
  const [head] = mint(tokens).split('.');
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.boolean(), (text, isSigned) => {
      const body = `${head}.${Buffer.from(text).toString('base64url')}`;
      assert.equal(tokens.verify(isSigned ? `${body}.${mac(body)}` : text).ok, false);
    }),
    { numRuns: 1500, seed: 1 },
  );
});

test('the key is made once and found again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-tokens-'));
  try {
    const made = await openJoinTokenKey(folder);
    assert.equal(made.length, 32);
    assert.ok(made.equals(await openJoinTokenKey(folder)));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the attestor knows callers by a bearer token and leaves other tokens to others', async () => {
  const { tokens } = someTokens();
  const attestor = joinTokenAttestor(tokens);
  const attest = (authorization: string | null) => attestor.attest({ authorization, peerCertificate: null });
  const token = mint(tokens);
  assert.deepEqual(await attest(`Bearer ${token}`), {
    kind: 'attested',
    identity: { trustDomain: 'cluster.local', ...account },
    pod: null,
  });
  assert.deepEqual(await attest(null), { kind: 'absent' });
  assert.deepEqual(await attest(`Basic ${token}`), { kind: 'absent' });
  assert.deepEqual(await attest(`Bearer ${encode({ alg: 'RS256' })}.e30.x`), { kind: 'absent' });
  assert.equal((await attest(`Bearer ${token}x`)).kind, 'refused');
});
