import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Certificate } from '#shared/x509/certificate.ts';
import { backdateMs, issueRoot, issueWorkloadLeaf, newSerial, toCertificate, type Issuer } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';

/** Certificates for tests, made by the code that makes the real ones. */

export type TestRoot = Issuer & Readonly<{ pem: string; keyPem: string }>;
export type TestLeaf = Readonly<{ certificate: Certificate; pem: string; key: KeyObject; keyPem: string }>;

const hourMs = 3_600_000;

/** A key pair of the kind that workloads have. */
export function aKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** A self-signed root, valid from `now`. */
export function aRoot({ now = Date.now(), lifeMs = 1000 * hourMs, trustDomain = 'cluster.local' } = {}): TestRoot {
  const pair = aKeyPair();
  const times = { notBefore: now - backdateMs, notAfter: now + lifeMs };
  const der = issueRoot(pair, { serial: newSerial(), ...times, organization: trustDomain, commonName: 'test root' });
  return {
    certificate: toCertificate(der),
    key: pair.privateKey,
    pem: encodePem('CERTIFICATE', der),
    keyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  };
}

/** A workload's certificate under `issuer`, valid from `now`. */
export function aWorkloadLeaf(
  issuer: Issuer,
  { spiffeId = 'spiffe://cluster.local/ns/shop/sa/cart', now = Date.now(), lifeMs = 24 * hourMs } = {},
): TestLeaf {
  const pair = aKeyPair();
  const request = {
    spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
    serial: newSerial(),
    notBefore: now - backdateMs,
    notAfter: now + lifeMs,
  };
  const der = issueWorkloadLeaf(issuer, request, spiffeId);
  return {
    certificate: toCertificate(der),
    pem: encodePem('CERTIFICATE', der),
    key: pair.privateKey,
    keyPem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  };
}
