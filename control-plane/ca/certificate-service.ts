import type {
  CallerCredentials,
  CertificateAnswer,
  CertificateHandler,
} from '#shared/certificates/serve-certificates.ts';
import type { SpiffeId } from '#shared/model/spiffe-id.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
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
    const attested = await attestNow(attestors, caller);
    if (!attested.ok) return attested.answer;
    const unknown = notHonoured.filter((name) => (request.metadata.get(name) ?? '') !== '');
    if (unknown.length > 0) return refuse('invalid', `metadata ${unknown.join(', ')} is not supported`);
    try {
      const issued = authority.sign(request.csr, attested.identity, request.validityMs);
      return issued.ok
        ? { kind: 'issued', chain: issued.value.chain }
        : refuse('invalid', formatProblems(issued.problems));
    } catch (error) {
      if (isMeshError(error, 'certificate')) return refuse('unavailable', error.message);
      throw error;
    }
  };
}

type AttestedNow = Readonly<{ ok: true; identity: SpiffeId } | { ok: false; answer: CertificateAnswer }>;

/** Whoever cannot be judged at the moment is told to come again, and not that it is nobody. */
async function attestNow(attestors: readonly Attestor[], caller: CallerCredentials): Promise<AttestedNow> {
  try {
    const attested = await attestFirst(attestors, caller);
    return attested.ok
      ? { ok: true, identity: attested.value.identity }
      : { ok: false, answer: refuse('unauthenticated', formatProblems(attested.problems)) };
  } catch (error) {
    if (isMeshError(error, 'unavailable')) return { ok: false, answer: refuse('unavailable', describeError(error)) };
    throw error;
  }
}

type RefusalReason = Extract<CertificateAnswer, { kind: 'refused' }>['reason'];

function refuse(reason: RefusalReason, message: string): CertificateAnswer {
  return { kind: 'refused', reason, message };
}
