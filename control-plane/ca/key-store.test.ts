import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { issueIntermediate, newSerial } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import { aKeyPair, aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { checkGivenAuthority, openOwnRoot } from './key-store.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-ca-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function anIntermediate(root: ReturnType<typeof aRoot>, lifeMs = 100 * hourMs) {
  const pair = aKeyPair();
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
  const times = { notBefore: now - hourMs, notAfter: now + lifeMs };
  const names = { organization: 'cluster.local', commonName: 'intermediate' };
  const der = issueIntermediate(root, { spki, serial: newSerial(), ...times, ...names });
  return {
    pem: encodePem('CERTIFICATE', der),
    key: new Secret(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })),
  };
}

test('the first start makes a root for ten years, later ones find it', () =>
  withFolder(async (folder) => {
    const clock = new FakeClock(now);
    const first = await openOwnRoot(folder, 'cluster.local', clock);
    clock.advance(24 * hourMs);
    const second = await openOwnRoot(folder, 'cluster.local', clock);
    assert.ok(first.roots[0].raw.equals(second.roots[0].raw));
    assert.deepEqual(first.intermediates, []);
    assert.equal(first.roots[0].notAfter, now + 3650 * 24 * hourMs);
    assert.equal((await stat(join(folder, 'root.pem'))).mode & 0o777, 0o600);
  }));

test('two that start at once end up with one root', () =>
  withFolder(async (folder) => {
    const open = () => openOwnRoot(folder, 'cluster.local', new FakeClock(now));
    const [one, two] = await Promise.all([open(), open()]);
    assert.ok(one.roots[0].raw.equals(two.roots[0].raw));
    assert.ok(one.issuer.key.equals(two.issuer.key));
  }));

test('a root that others may read, or that has expired, is refused by name', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'root.pem');
    await openOwnRoot(folder, 'cluster.local', new FakeClock(now));
    const late = new FakeClock(now + 3651 * 24 * hourMs);
    await assert.rejects(
      openOwnRoot(folder, 'cluster.local', late),
      (error) => isMeshError(error, 'certificate') && error.message.includes(path) && error.message.includes('expired'),
    );
    await chmod(path, 0o644);
    await assert.rejects(
      openOwnRoot(folder, 'cluster.local', new FakeClock(now)),
      (error) => isMeshError(error, 'permission') && error.message.includes(path),
    );
  }));

test('takes a given intermediate with its chain, and a given root without one', () => {
  const root = aRoot({ now });
  const { pem, key } = anIntermediate(root);
  const under = checkGivenAuthority({ certificate: pem, key, chain: root.pem }, now);
  assert.ok(under.ok);
  assert.equal(under.value.intermediates.length, 1);
  assert.ok(under.value.roots[0].raw.equals(root.certificate.raw));
  const own = checkGivenAuthority({ certificate: root.pem, key: new Secret(root.keyPem) }, now);
  assert.ok(own.ok);
  assert.deepEqual(own.value.intermediates, []);
});

test('refuses a given authority by the name of what is wrong', () => {
  const root = aRoot({ now });
  const other = aRoot({ now, trustDomain: 'other' });
  const { pem, key } = anIntermediate(root);
  const old = anIntermediate(root, -1000);
  const leaf = aWorkloadLeaf(root, { now });
  const given = {
    'another key': { certificate: root.pem, key: new Secret(other.keyPem) },
    'no key': { certificate: root.pem, key: new Secret('x') },
    'no certificate': { certificate: 'x', key },
    'no authority': { certificate: leaf.pem, key: new Secret(leaf.keyPem), chain: root.pem },
    'no root': { certificate: pem, key },
    'root of others': { certificate: pem, key, chain: other.pem },
    expired: { certificate: old.pem, key: old.key, chain: root.pem },
  };
  const codes = Object.entries(given).map(([name, one]) => {
    const result = checkGivenAuthority(one, now);
    return [name, result.ok ? [] : result.problems.map(({ code }) => code)];
  });
  assert.deepEqual(Object.fromEntries(codes), {
    'another key': ['ca_key_mismatch'],
    'no key': ['ca_key_malformed'],
    'no certificate': ['pem_missing'],
    'no authority': ['ca_not_authority'],
    'no root': ['ca_no_root'],
    'root of others': ['chain_untrusted'],
    expired: ['chain_expired'],
  });
});
