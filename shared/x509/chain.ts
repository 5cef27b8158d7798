import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import type { Certificate } from './certificate.ts';
import { oids, signatureAlgorithms } from './oids.ts';

/** What a chain is judged by. */
export type ChainPolicy = Readonly<{
  /** Certificates that are trusted as they are. */
  roots: readonly Certificate[];
  /** Milliseconds since the epoch. */
  now: number;
  /** What the leaf must be good for, if that matters. */
  purpose?: 'client' | 'server' | undefined;
}>;

/** Deeper chains are refused: nobody builds them, and each step costs a signature check. */
const maxDepth = 8;

/** Extensions that are understood here; a critical one besides these refuses the certificate (RFC 5280 section 4.2). */
const understood = new Set<string>([
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.basicConstraints,
  oids.subjectAltName,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
]);

/** Finds the path from the first certificate to a root: leaf first, root last. The order of the others does not matter. */
export function verifyChain(
  chain: readonly [Certificate, ...Certificate[]],
  policy: ChainPolicy,
  path = 'chain',
): Result<readonly Certificate[]> {
  const [leaf, ...others] = chain;
  const misuse = checkPurpose(leaf, policy, path);
  if (misuse !== undefined) return fail([misuse]);
  const found: Certificate[] = [leaf];
  for (let current = leaf; found.length <= maxDepth;) {
    const at = `${path}[${found.length - 1}]`;
    const wrong = checkCertificate(current, policy.now, at);
    if (wrong !== undefined) return fail([wrong]);
    if (policy.roots.some((root) => root.raw.equals(current.raw))) return ok(found);
    const next = findIssuer(
      current,
      [...policy.roots, ...others.filter((one) => !found.includes(one))],
      found.length - 1,
    );
    if (next === undefined)
      return fail([problem(at, 'no trusted certificate of an authority signed it', 'chain_untrusted')]);
    found.push(next);
    current = next;
  }
  return fail([problem(path, `deeper than ${maxDepth} certificates`, 'chain_too_deep')]);
}

function checkPurpose(leaf: Certificate, { purpose }: ChainPolicy, path: string): Problem | undefined {
  if (purpose === undefined || leaf.extendedKeyUsage === null) return undefined;
  const needed = purpose === 'client' ? oids.clientAuth : oids.serverAuth;
  return leaf.extendedKeyUsage.includes(needed)
    ? undefined
    : problem(`${path}[0]`, `not for use as a ${purpose}`, 'chain_purpose');
}

function checkCertificate(certificate: Certificate, now: number, path: string): Problem | undefined {
  const until = (ms: number) => new Date(ms).toISOString();
  if (now < certificate.notBefore)
    return problem(path, `not valid before ${until(certificate.notBefore)}`, 'chain_not_yet_valid');
  if (now > certificate.notAfter) return problem(path, `expired at ${until(certificate.notAfter)}`, 'chain_expired');
  for (const [oid, { isCritical }] of certificate.extensions)
    if (isCritical && !understood.has(oid))
      return problem(path, `critical extension ${oid} is not understood`, 'chain_unknown_critical');
  if (!signatureAlgorithms.some(({ oid }) => oid === certificate.signatureAlgorithm))
    return problem(
      path,
      `signed by ${certificate.signatureAlgorithm}, which is not taken`,
      'chain_signature_algorithm',
    );
  return undefined;
}

/** `below`: how many authorities stand between the leaf and the candidate, which its path length must allow. */
function findIssuer(
  certificate: Certificate,
  candidates: readonly Certificate[],
  below: number,
): Certificate | undefined {
  return candidates.find(
    (candidate) =>
      candidate.authority !== null &&
      candidate.maySign &&
      candidate.authority.pathLength >= below &&
      candidate.subject.equals(certificate.issuer) &&
      certificate.x509.verify(candidate.x509.publicKey),
  );
}
