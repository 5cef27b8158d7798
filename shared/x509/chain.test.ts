import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aKeyPair, aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import type { Certificate } from './certificate.ts';
import { verifyChain, type ChainPolicy } from './chain.ts';
import { issueIntermediate, newSerial, toCertificate, type Issuer } from './issue.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;
const root = aRoot({ now });
const roots = [root.certificate];

function anIntermediate(issuer: Issuer, lifeMs = 100 * hourMs): Issuer {
  const pair = aKeyPair();
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const request = { spki, serial: newSerial(), notBefore: now - hourMs, notAfter: now + lifeMs };
  const der = issueIntermediate(issuer, { ...request, organization: 'cluster.local', commonName: 'between' });
  return { certificate: toCertificate(der), key: pair.privateKey };
}

function outcome(chain: [Certificate, ...Certificate[]], policy: Partial<ChainPolicy> = {}) {
  const result = verifyChain(chain, { roots, now, ...policy });
  return result.ok ? result.value.length : result.problems.map(({ path, code }) => `${path} ${code}`).join();
}

test('finds the way to the root, in whatever order the certificates come', () => {
  const upper = anIntermediate(root);
  const lower = anIntermediate(upper);
  const { certificate } = aWorkloadLeaf(lower, { now });
  assert.equal(outcome([certificate, lower.certificate, upper.certificate]), 4);
  assert.equal(outcome([certificate, root.certificate, upper.certificate, lower.certificate]), 4);
  assert.equal(outcome([certificate, lower.certificate]), 'chain[1] chain_untrusted');
});

test('refuses by name what does not hold', () => {
  const { certificate } = aWorkloadLeaf(root, { now });
  const stranger = aRoot({ now });
  const shortLived = anIntermediate(root, hourMs);
  const underWorkload = aWorkloadLeaf(aWorkloadLeaf(root, { now }), { now });
  const found = {
    good: outcome([certificate], { purpose: 'client' }),
    early: outcome([certificate], { now: now - 121_000 }),
    late: outcome([certificate], { now: now + 25 * hourMs }),
    intermediateLate: outcome([aWorkloadLeaf(shortLived, { now }).certificate, shortLived.certificate], {
      now: now + 2 * hourMs,
    }),
    strangerOfTheSameName: outcome([aWorkloadLeaf(stranger, { now }).certificate, stranger.certificate]),
    signedByAWorkload: outcome([underWorkload.certificate, certificate]),
    noRoots: outcome([certificate], { roots: [] }),
  };
  assert.deepEqual(found, {
    good: 2,
    early: 'chain[0] chain_not_yet_valid',
    late: 'chain[0] chain_expired',
    intermediateLate: 'chain[1] chain_expired',
    strangerOfTheSameName: 'chain[1] chain_untrusted',
    signedByAWorkload: 'chain[0] chain_untrusted',
    noRoots: 'chain[0] chain_untrusted',
  });
});

test('with the union of old and new roots certificates of both hold', () => {
  const next = aRoot({ now });
  const both = { roots: [root.certificate, next.certificate] };
  assert.equal(outcome([aWorkloadLeaf(root, { now }).certificate], both), 2);
  assert.equal(outcome([aWorkloadLeaf(next, { now }).certificate], both), 2);
});

test('a chain without end is cut', () => {
  let issuer: Issuer = root;
  const chain: Certificate[] = [];
  for (let i = 0; i < 9; i++) {
    issuer = anIntermediate(issuer);
    chain.push(issuer.certificate);
  }
  assert.equal(outcome([aWorkloadLeaf(issuer, { now }).certificate, ...chain]), 'chain chain_too_deep');
});

test('a path length, a key usage, another purpose and an unknown critical extension are honoured', () => {
  const { certificate } = aWorkloadLeaf(root, { now });
  const limited = { ...root.certificate, authority: { pathLength: 0 } };
  const between = anIntermediate(root);
  const below = aWorkloadLeaf(between, { now }).certificate;
  const strange = new Map([
    ...certificate.extensions,
    ['1.2.3', { isCritical: true, value: Buffer.alloc(0) }] as const,
  ]);
  assert.equal(outcome([certificate], { roots: [limited] }), 2);
  assert.equal(outcome([below, between.certificate], { roots: [limited] }), 'chain[1] chain_untrusted');
  assert.equal(
    outcome([certificate], { roots: [{ ...root.certificate, maySign: false }] }),
    'chain[0] chain_untrusted',
  );
  assert.equal(outcome([{ ...certificate, extensions: strange }]), 'chain[0] chain_unknown_critical');
  assert.equal(
    outcome([{ ...certificate, extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }], { purpose: 'client' }),
    'chain[0] chain_purpose',
  );
});
