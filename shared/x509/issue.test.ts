import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { parseCsr } from './csr.ts';
import { issueRoot, newSerial, toCertificate } from './issue.ts';
import { encodePem } from './pem.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const needsOpenssl = hasOpenssl ? false : 'openssl is not installed';

function withFolder(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-x509-'));
  try {
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('serials are 16 bytes, positive, and not the same twice', () => {
  const serials = Array.from({ length: 500 }, newSerial);
  assert.ok(serials.every((serial) => serial.length === 16 && (serial[0] ?? 0) >= 0x40 && (serial[0] ?? 0) < 0x80));
  assert.equal(new Set(serials.map((serial) => serial.toString('hex'))).size, 500);
});

test(
  'OpenSSL verifies a leaf strictly and sees an empty subject and a critical URI name',
  { skip: needsOpenssl },
  () => {
    withFolder((folder) => {
      const root = aRoot();
      const leaf = aWorkloadLeaf(root);
      writeFileSync(join(folder, 'root.pem'), root.pem);
      writeFileSync(join(folder, 'leaf.pem'), leaf.pem);
      const verify = ['verify', '-x509_strict', '-CAfile', join(folder, 'root.pem')];
      for (const purpose of ['sslserver', 'sslclient'])
        execFileSync('openssl', [...verify, '-purpose', purpose, join(folder, 'leaf.pem')], { stdio: 'pipe' });
      const text = execFileSync('openssl', ['x509', '-in', join(folder, 'leaf.pem'), '-noout', '-text']).toString();
      assert.match(text, /Subject: ?\n/);
      assert.match(
        text,
        /X509v3 Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/shop\/sa\/cart\n/,
      );
      assert.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
      assert.match(
        text,
        /X509v3 Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
      );
      assert.match(text, /X509v3 Basic Constraints: critical\s+CA:FALSE\n/);
      assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/);
    });
  },
);

test('OpenSSL verifies what RSA and P-384 authorities sign', { skip: needsOpenssl }, () => {
  withFolder((folder) => {
    const pairs = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    ];
    for (const pair of pairs) {
      const times = { notBefore: Date.now() - 1000, notAfter: Date.now() + 3_600_000 };
      const der = issueRoot(pair, { serial: newSerial(), ...times, organization: 'x', commonName: 'y' });
      const leaf = aWorkloadLeaf({ certificate: toCertificate(der), key: pair.privateKey });
      writeFileSync(join(folder, 'root.pem'), encodePem('CERTIFICATE', der));
      writeFileSync(join(folder, 'leaf.pem'), leaf.pem);
      execFileSync(
        'openssl',
        ['verify', '-x509_strict', '-CAfile', join(folder, 'root.pem'), join(folder, 'leaf.pem')],
        {
          stdio: 'pipe',
        },
      );
    }
  });
});

test('reads the requests that OpenSSL makes', { skip: needsOpenssl }, () => {
  withFolder((folder) => {
    const make = (...key: string[]) =>
      execFileSync(
        'openssl',
        ['req', '-new', '-nodes', '-subj', '/O=x/CN=y', '-keyout', join(folder, 'key.pem'), '-newkey', ...key],
        { stdio: 'pipe' },
      ).toString();
    const names = [
      make('ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-addext', 'subjectAltName=URI:spiffe://a/ns/b/sa/c'),
      make('rsa:2048'),
    ].map((pem) => {
      const result = parseCsr(pem);
      return result.ok ? result.value.publicKey.name : result.problems;
    });
    assert.deepEqual(names, ['P-256', 'RSA-2048']);
  });
});
