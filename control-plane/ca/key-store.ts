import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { fail, formatProblems, ok, problem, type Result } from '#shared/runtime/result.ts';
import type { Secret } from '#shared/runtime/secret.ts';
import { parseCertificates, type Certificate } from '#shared/x509/certificate.ts';
import { verifyChain } from '#shared/x509/chain.ts';
import { backdateMs, issueRoot, issueWorkloadLeaf, newSerial, toCertificate, type Issuer } from '#shared/x509/issue.ts';
import { encodePem, selectPem } from '#shared/x509/pem.ts';
import { createPrivateFile, readPrivateFile } from '#shared/x509/private-file.ts';
import { readPublicKey } from '#shared/x509/public-key.ts';

/** What the authority signs with, checked. */
export type AuthorityKeys = Readonly<{
  issuer: Issuer;
  /** What stands between a leaf and the root, the issuer first; empty when the root itself signs. */
  intermediates: readonly Certificate[];
  /** Whom the mesh trusts: the root of the issuer first. */
  roots: readonly [Certificate, ...Certificate[]];
}>;

/** An authority that the operator brings, all in PEM. */
export type GivenAuthority = Readonly<{
  certificate: string;
  key: Secret;
  /** The certificates above it, up to the root; not needed when `certificate` is itself a root. */
  chain?: string | undefined;
}>;

const rootLifeMs = 3650 * 24 * 3_600_000;
const fileName = 'root.pem';

/** The root of our own, made on the first start. Two control planes that start on one folder end up with one root. */
export async function openOwnRoot(folder: string, trustDomain: string, clock: Clock): Promise<AuthorityKeys> {
  const path = join(folder, fileName);
  let text = await readPrivateFile(path);
  if (text === null) {
    const { keyPem, certificatePem } = makeRoot(trustDomain, clock.now());
    await createPrivateFile(path, keyPem + certificatePem);
    text = await readPrivateFile(path);
  }
  if (text === null) throw new MeshError('io', `${path} vanished while it was opened`, { facts: { path } });
  const certificate = selectPem(text, 'CERTIFICATE');
  const keys = assemble({ certificate, keyPem: selectPem(text, 'PRIVATE KEY') }, clock.now());
  if (keys.ok) return keys.value;
  throw new MeshError('certificate', `${path}: ${formatProblems(keys.problems)}`, { facts: { path } });
}

/** Checks an authority that was given: the key fits, it may sign, nothing is expired, the chain ends in a root. */
export function checkGivenAuthority(given: GivenAuthority, now: number): Result<AuthorityKeys> {
  return assemble({ certificate: given.certificate, keyPem: given.key.reveal(), chain: given.chain }, now);
}

type Material = Readonly<{ certificate: string; keyPem: string; chain?: string | undefined }>;

function assemble({ certificate: pem, keyPem, chain }: Material, now: number): Result<AuthorityKeys> {
  const own = parseCertificates(pem, 'certificate');
  const above = chain === undefined ? ok<readonly Certificate[]>([]) : parseCertificates(chain, 'chain');
  const key = readPrivateKey(keyPem);
  if (!own.ok || !above.ok || !key.ok)
    return fail([own, above, key].flatMap((result) => (result.ok ? [] : result.problems)));
  const [certificate, ...rest] = own.value;
  const issuer = { certificate, key: key.value };
  const checked = checkIssuer(issuer);
  return checked.ok ? arrange(issuer, [...rest, ...above.value], now) : checked;
}

function readPrivateKey(pem: string): Result<KeyObject> {
  try {
    return ok(createPrivateKey(pem));
  } catch {
    // OpenSSL's message could quote the input, which is a secret.
    return fail([problem('key', 'not a private key in PEM, or one with a passphrase', 'ca_key_malformed')]);
  }
}

function checkIssuer({ certificate, key }: Issuer): Result<Issuer> {
  const strength = readPublicKey(certificate.spki, 'certificate');
  const problems = strength.ok ? [] : [...strength.problems];
  if (!certificate.x509.checkPrivateKey(key))
    problems.push(problem('key', 'not the key of the certificate', 'ca_key_mismatch'));
  if (certificate.authority === null || !certificate.maySign)
    problems.push(problem('certificate', 'not of an authority: it may not sign certificates', 'ca_not_authority'));
  return problems.length > 0 ? fail(problems) : ok({ certificate, key });
}

/** Finds the way up to a root by what counts in the end: whether a leaf that is signed now can be verified. */
function arrange(issuer: Issuer, above: readonly Certificate[], now: number): Result<AuthorityKeys> {
  const roots = distinct([issuer.certificate, ...above]).filter(isSelfSigned);
  const [root] = roots;
  if (root === undefined)
    return fail([problem('chain', 'no self-signed root in it: give the certificates up to the root', 'ca_no_root')]);
  const times = { notBefore: now - backdateMs, notAfter: now + 1000 };
  const leaf = issueWorkloadLeaf(
    issuer,
    { spki: issuer.certificate.spki, serial: newSerial(), ...times },
    'spiffe://probe',
  );
  const path = verifyChain([toCertificate(leaf), issuer.certificate, ...above], { roots, now }, 'certificate');
  if (!path.ok) return path;
  const own = path.value.slice(1);
  const last = own.at(-1) ?? root;
  return ok({
    issuer,
    intermediates: own.slice(0, -1),
    roots: [last, ...roots.filter((other) => other !== last)],
  });
}

/** The same certificate often stands in several of the files that are given. */
function distinct(certificates: readonly Certificate[]): readonly Certificate[] {
  return certificates.filter((one, at) => certificates.findIndex(({ raw }) => raw.equals(one.raw)) === at);
}

function isSelfSigned(certificate: Certificate): boolean {
  return certificate.subject.equals(certificate.issuer) && certificate.x509.verify(certificate.x509.publicKey);
}

/** A new root of our own. */
export function makeRoot(trustDomain: string, now: number): Readonly<{ keyPem: string; certificatePem: string }> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const times = { notBefore: now - backdateMs, notAfter: now + rootLifeMs };
  const names = { organization: trustDomain, commonName: `${trustDomain} root` };
  const der = issueRoot(key, { serial: newSerial(), ...times, ...names });
  return {
    keyPem: key.privateKey.export({ format: 'pem', type: 'pkcs8' }),
    certificatePem: encodePem('CERTIFICATE', der),
  };
}
