import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { uriSans } from '#shared/x509/certificate.ts';
import { createCsr } from '#shared/x509/csr.ts';
import { aKeyPair, aRoot } from '../../test/support/certificates.ts';
import { Authority } from './authority.ts';
import { checkGivenAuthority } from './key-store.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const cart = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };

function anAuthority({ lifeMs = 3650 * dayMs, logSize = 1000 } = {}) {
  const root = aRoot({ now, lifeMs });
  const clock = new FakeClock(now);
  const keys = checkGivenAuthority({ certificate: root.pem, key: new Secret(root.keyPem) }, now);
  assert.ok(keys.ok);
  return {
    root,
    clock,
    authority: new Authority({ keys: new WatchSource(keys.value), trustDomain: 'cluster.local', clock, logSize }),
  };
}

test('vector 19: 24 h, dated back by two minutes, the name of the caller and never that of the CSR', () => {
  const { authority, root } = anAuthority();
  const pair = aKeyPair();
  const result = authority.sign(createCsr(pair, 'spiffe://cluster.local/ns/admin/sa/root'), cart, 0);
  assert.ok(result.ok);
  const { chain, ...facts } = result.value;
  const leaf = new X509Certificate(chain[0]!);
  assert.deepEqual(uriSans(leaf.raw), ['spiffe://cluster.local/ns/shop/sa/cart']);
  assert.equal(leaf.subject, undefined);
  assert.equal(leaf.validFromDate.getTime(), now - 2 * 60_000);
  assert.equal(leaf.validToDate.getTime(), now + dayMs);
  assert.ok(leaf.publicKey.equals(pair.publicKey));
  assert.ok(leaf.verify(root.certificate.x509.publicKey));
  assert.deepEqual(chain.slice(1), [root.pem]);
  assert.deepEqual(facts, {
    serial: leaf.serialNumber.toLowerCase(),
    spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart',
    notBefore: now - 2 * 60_000,
    notAfter: now + dayMs,
  });
});

test('lives are bounded: 30 s and 90 d are given, less or more is refused by name', () => {
  const { authority } = anAuthority();
  const csr = createCsr(aKeyPair());
  const outcome = (ttlMs: number) => {
    const result = authority.sign(csr, cart, ttlMs);
    return result.ok ? result.value.notAfter - now : result.problems.map(({ code }) => code);
  };
  assert.deepEqual([30_000, 90 * dayMs, -1, 29_000, 90 * dayMs + 1000].map(outcome), [
    30_000,
    90 * dayMs,
    dayMs,
    ['ttl_below'],
    ['ttl_above'],
  ]);
  assert.deepEqual(authority.counters(), { issued: 3, refused: 2, serverIssued: 0 });
});

test('no certificate outlives the authority, and an expired authority signs nothing', () => {
  const { authority, clock } = anAuthority({ lifeMs: 10 * hourMs });
  const csr = createCsr(aKeyPair());
  const result = authority.sign(csr, cart, 0);
  assert.ok(result.ok);
  assert.equal(result.value.notAfter, now + 10 * hourMs);
  clock.advance(10 * hourMs);
  assert.throws(
    () => authority.sign(csr, cart, 0),
    (error) => isMeshError(error, 'certificate'),
  );
});

test('an identity of another trust domain is refused, together with whatever else is wrong', () => {
  const { authority } = anAuthority();
  const result = authority.sign('no csr', { ...cart, trustDomain: 'evil.example' }, 1);
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ code }) => code),
    ['identity_domain', 'ttl_below', 'pem_missing'],
  );
});

test('the log keeps the last certificates only, oldest first', () => {
  const { authority } = anAuthority({ logSize: 2 });
  const csr = createCsr(aKeyPair());
  for (const serviceAccount of ['a', 'b', 'c']) authority.sign(csr, { ...cart, serviceAccount }, 0);
  assert.deepEqual(
    authority.issued().map(({ spiffeId }) => spiffeId),
    ['spiffe://cluster.local/ns/shop/sa/b', 'spiffe://cluster.local/ns/shop/sa/c'],
  );
});
