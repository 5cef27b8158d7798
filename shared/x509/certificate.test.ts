import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { aKeyPair, aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { parseCertificate, parseCertificates, uriSans } from './certificate.ts';
import { issueServerLeaf, newSerial } from './issue.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const root = aRoot({ now });
const leaf = aWorkloadLeaf(root, { now });

test('reads the fields of a workload certificate', () => {
  const { certificate } = leaf;
  assert.deepEqual(certificate.names, {
    uris: ['spiffe://cluster.local/ns/shop/sa/cart'],
    dnsNames: [],
    ipAddresses: [],
  });
  assert.equal(certificate.notBefore, now - 120_000);
  assert.equal(certificate.notAfter, now + 24 * 3_600_000);
  assert.equal(certificate.serial, new X509Certificate(leaf.pem).serialNumber.toLowerCase());
  assert.equal(certificate.authority, null);
  assert.equal(certificate.maySign, false);
  assert.deepEqual(certificate.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.deepEqual(root.certificate.authority, { pathLength: Number.POSITIVE_INFINITY });
  assert.equal(root.certificate.maySign, true);
});

test('a DNS name that is written like a URI name is not read as one', () => {
  const pair = aKeyPair();
  const request = {
    spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
    serial: newSerial(),
    notBefore: now,
    notAfter: now + 1000,
  };
  const injected = 'a,URI:spiffe://cluster.local/ns/admin/sa/root';
  const der = issueServerLeaf(root, request, { dnsNames: [injected], addresses: [] });
  assert.deepEqual(uriSans(der), []);
});

test('names of servers are read as bytes and text', () => {
  const pair = aKeyPair();
  const request = {
    spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
    serial: newSerial(),
    notBefore: now,
    notAfter: now + 1000,
  };
  const addresses = ['127.0.0.1', '::1', 'fd00:1::2:ff', '::ffff:10.0.0.1'];
  const der = issueServerLeaf(root, request, { dnsNames: ['tulle.svc'], addresses });
  const certificate = new X509Certificate(der);
  assert.equal(certificate.checkHost('tulle.svc'), 'tulle.svc');
  assert.deepEqual(
    addresses.slice(0, 3).map((address) => certificate.checkIP(address)),
    addresses.slice(0, 3),
  );
  const parsed = parseCertificate(der, 'server');
  assert.ok(parsed.ok);
  assert.deepEqual(
    parsed.value.names.ipAddresses.map((bytes) => bytes.toString('hex')),
    ['7f000001', '00'.repeat(15) + '01', 'fd0000010000000000000000000200ff', '00'.repeat(10) + 'ffff0a000001'],
  );
});

test('a malformed certificate has no names, and no bytes are a crash', () => {
  assert.deepEqual(uriSans(Buffer.from('not a certificate')), []);
  const der = leaf.certificate.raw;
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ change;
      const result = parseCertificate(changed, 'x');
      assert.ok(result.ok || result.problems.every(({ code }) => code === 'certificate_der'));
      assert.ok(uriSans(changed).length <= 1);
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test('every bad block of a bundle is told with its place', () => {
  const bad = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
  const result = parseCertificates(`${root.pem}${bad}${leaf.pem}${bad}`, 'bundle');
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ path }) => path),
    ['bundle[1]', 'bundle[3]'],
  );
});
