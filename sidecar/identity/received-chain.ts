import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { parseSpiffeId } from '#shared/model/spiffe-id.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { parseCertificates, type Certificate } from '#shared/x509/certificate.ts';
import { verifyChain } from '#shared/x509/chain.ts';
import { encodePem } from '#shared/x509/pem.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';

/** A chain as an authority answered it or the disk kept it: leaf first, root last, all in PEM. */
export type ReceivedChain = Readonly<{
  pem: string;
  key: KeyObject;
  /** The identity that it must be for, if that is known. */
  expectedId: string | null;
  now: number;
}>;

/** Makes a chain into the workload's certificate, if it is for our key, for our identity, and holds together now. */
export function acceptChain({ pem, key, expectedId, now }: ReceivedChain): Result<WorkloadCertificate> {
  const parsed = parseCertificates(pem, 'chain');
  if (!parsed.ok) return parsed;
  const [leaf, ...others] = parsed.value;
  const roots = others.filter((one) => one.subject.equals(one.issuer));
  const problems = checkLeaf(leaf, key, expectedId);
  const path = verifyChain(parsed.value, { roots, now });
  if (!path.ok || problems.length > 0) return fail([...problems, ...(path.ok ? [] : path.problems)]);
  return ok({
    chainPem: toPem(path.value.slice(0, -1)),
    key: new Secret(key.export({ format: 'pem', type: 'pkcs8' })),
    rootsPem: toPem(roots),
    spiffeId: leaf.names.uris[0] ?? '',
    notBefore: leaf.notBefore,
    notAfter: Math.min(...path.value.map(({ notAfter }) => notAfter)),
    serial: leaf.serial,
  });
}

/** The same for a certificate that was kept with its key in PEM. */
export function acceptKept(
  kept: Omit<ReceivedChain, 'key'> & Readonly<{ keyPem: string }>,
): Result<WorkloadCertificate> {
  const { keyPem, ...chain } = kept;
  let key: KeyObject;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    return fail([problem('key', 'not a private key in PEM', 'key_malformed')]);
  }
  return acceptChain({ ...chain, key });
}

function checkLeaf(leaf: Certificate, key: KeyObject, expectedId: string | null): Problem[] {
  const problems: Problem[] = [];
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  if (!spki.equals(leaf.spki)) problems.push(problem('chain[0]', 'not for the key that was sent', 'chain_key'));
  const [uri = '', ...others] = leaf.names.uris;
  if (others.length > 0) problems.push(problem('chain[0]', 'more than one URI name', 'chain_names'));
  const id = parseSpiffeId(uri);
  if (!id.ok) problems.push(...id.problems);
  if (expectedId !== null && uri !== expectedId)
    problems.push(problem('chain[0]', `for ${uri}, not for ${expectedId}`, 'chain_identity'));
  return problems;
}

function toPem(certificates: readonly Certificate[]): string {
  return certificates.map(({ raw }) => encodePem('CERTIFICATE', raw)).join('');
}
