import type { CertificateAnswer, CertificateHandler } from '#shared/certificates/serve-certificates.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { attestFirst, type Attestor } from './attestors/attestor.ts';
import type { Authority } from './authority.ts';

/**
 * Members of the metadata that would change whom a certificate is for or who signs it. They are not honoured, so a
 * request with one is refused rather than answered with something else.
 */
const notHonoured = ['ImpersonatedIdentity', 'CertSigner'];

/** Answers CreateCertificate: attest, then sign. */
export function certificateHandler(authority: Authority, attestors: readonly Attestor[]): CertificateHandler {
  return async (request, caller) => {
    const identity = await attestFirst(attestors, caller);
    if (!identity.ok) return refuse('unauthenticated', formatProblems(identity.problems));
    const unknown = notHonoured.filter((name) => (request.metadata.get(name) ?? '') !== '');
    if (unknown.length > 0) return refuse('invalid', `metadata ${unknown.join(', ')} is not supported`);
    try {
      const issued = authority.sign(request.csr, identity.value, request.validityMs);
      return issued.ok
        ? { kind: 'issued', chain: issued.value.chain }
        : refuse('invalid', formatProblems(issued.problems));
    } catch (error) {
      if (isMeshError(error, 'certificate')) return refuse('unavailable', error.message);
      throw error;
    }
  };
}

type RefusalReason = Extract<CertificateAnswer, { kind: 'refused' }>['reason'];

function refuse(reason: RefusalReason, message: string): CertificateAnswer {
  return { kind: 'refused', reason, message };
}
