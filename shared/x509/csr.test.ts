import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Result } from '#shared/runtime/result.ts';
import { createCsr, parseCsr } from './csr.ts';
import {
  contextTag,
  encodeBitString,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  encodeValue,
  tags,
} from './der-writer.ts';
import { decodePem, encodePem } from './pem.ts';

type Pair = { publicKey: KeyObject; privateKey: KeyObject };
const p256: Pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other: Pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa2048: Pair = generateKeyPairSync('rsa', { modulusLength: 2048 });

const ecdsaSha256 = '1.2.840.10045.4.3.2';
const rsaSha256 = '1.2.840.113549.1.1.11';

type Parts = {
  pair?: Pair;
  signer?: Pair;
  algorithm?: string;
  hash?: string;
  version?: number;
  spki?: Buffer;
  tail?: Buffer;
};

/** A request that need not be a good one. */
function aCsr({ pair = p256, signer = pair, algorithm = ecdsaSha256, hash = 'sha256', ...rest }: Parts = {}): string {
  const body = encodeSequence(
    encodeUnsigned(Buffer.of(rest.version ?? 0)),
    encodeSequence(),
    rest.spki ?? pair.publicKey.export({ format: 'der', type: 'spki' }),
    encodeValue(contextTag(0, 'constructed')),
    rest.tail ?? Buffer.alloc(0),
  );
  const signature = encodeBitString(sign(hash, body, signer.privateKey));
  return encodePem('CERTIFICATE REQUEST', encodeSequence(body, encodeSequence(encodeOid(algorithm)), signature));
}

const codesOf = (result: Result<unknown>) => (result.ok ? ['accepted'] : result.problems.map(({ code }) => code));

test('a request of our own is read back with its key', () => {
  const result = parseCsr(createCsr(p256, 'spiffe://cluster.local/ns/shop/sa/cart'));
  assert.ok(result.ok);
  assert.equal(result.value.publicKey.name, 'P-256');
  assert.ok(result.value.publicKey.key.equals(p256.publicKey));
});

test('takes the keys that proxies send: RSA as of Istio agents, and the NIST curves', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const names = [
    aCsr({ pair: rsa2048, algorithm: rsaSha256 }),
    aCsr({ pair: p384, algorithm: '1.2.840.10045.4.3.3', hash: 'sha384' }),
    aCsr({ pair: p521, algorithm: '1.2.840.10045.4.3.4', hash: 'sha512' }),
  ].map((pem) => {
    const result = parseCsr(pem);
    return result.ok ? result.value.publicKey.name : result.problems;
  });
  assert.deepEqual(names, ['RSA-2048', 'P-384', 'P-521']);
});

test('refuses bad requests by name', () => {
  const spkiOf = (pair: Pair) => pair.publicKey.export({ format: 'der', type: 'spki' });
  const good = createCsr(p256);
  const withSpki = (spki: Buffer) => aCsr({ spki });
  const offCurve = spkiOf(p256);
  offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
  const compressed = encodeSequence(
    encodeSequence(encodeOid('1.2.840.10045.2.1'), encodeOid('1.2.840.10045.3.1.7')),
    encodeBitString(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)])),
  );
  const cases: Record<string, [string, string]> = {
    'no PEM': ['hello', 'pem_missing'],
    empty: ['', 'pem_missing'],
    'a certificate instead': [good.replaceAll(' REQUEST', ''), 'pem_label'],
    'cut off': [good.slice(0, -20), 'pem_malformed'],
    'two requests': [good + good, 'csr_several'],
    'not base64': ['-----BEGIN CERTIFICATE REQUEST-----\nA===\n-----END CERTIFICATE REQUEST-----', 'pem_base64'],
    'too large': [good + ' '.repeat(20_000), 'csr_too_large'],
    'not DER': [encodePem('CERTIFICATE REQUEST', Buffer.from('3080', 'hex')), 'csr_der'],
    'bytes after the attributes': [aCsr({ tail: encodeValue(tags.null) }), 'csr_der'],
    'version 2': [aCsr({ version: 1 }), 'csr_version'],
    'signed by another key': [aCsr({ signer: other }), 'csr_signature'],
    'SHA-1': [aCsr({ algorithm: '1.2.840.10045.4.1', hash: 'sha1' }), 'csr_signature_algorithm'],
    'algorithm of another family': [aCsr({ algorithm: rsaSha256 }), 'csr_signature_algorithm'],
    'hash other than said': [aCsr({ hash: 'sha384' }), 'csr_signature'],
    'RSA-1024': [withSpki(spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))), 'key_weak'],
    'RSA with exponent 3': [
      withSpki(spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))),
      'key_weak',
    ],
    'unknown curve': [withSpki(spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))), 'key_curve'],
    'explicit curve': [
      withSpki(spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }))),
      'key_curve',
    ],
    Ed25519: [withSpki(spkiOf(generateKeyPairSync('ed25519'))), 'key_type'],
    'a point off the curve': [withSpki(offCurve), 'key_point'],
    'a compressed point': [withSpki(compressed), 'key_point'],
  };
  const found = Object.entries(cases).map(([name, [pem]]) => [name, codesOf(parseCsr(pem))]);
  assert.deepEqual(
    Object.fromEntries(found),
    mapValues(cases, ([, code]) => [code]),
  );
});

test('a changed byte anywhere in a request makes it refused, never a crash', () => {
  const block = decodePem(createCsr(p256, 'spiffe://cluster.local/ns/shop/sa/cart'), 'CERTIFICATE REQUEST', 'csr');
  assert.ok(block.ok);
  const der = block.value[0];
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ change;
      assert.equal(parseCsr(encodePem('CERTIFICATE REQUEST', changed)).ok, false);
    }),
    { numRuns: 1500, seed: 1 },
  );
});

test('arbitrary text and bytes are refused, never a crash', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 300 })), (input) => {
      const pem = typeof input === 'string' ? input : encodePem('CERTIFICATE REQUEST', input);
      assert.equal(parseCsr(pem).ok, false);
    }),
    { numRuns: 1500, seed: 1 },
  );
});

function mapValues<T, U>(record: Record<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
