import { createHash } from 'node:crypto';
import type { ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import { formatSpiffeId, parseSpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import type { Attestation, Attested, Attestor } from './attestor.ts';

/**
 * Knows callers by the token of their Kubernetes service account: the API server is asked (TokenReview) whether the token is good
 * for our audience, and the account that it names is the identity. Answers are kept for a short time, since a sidecar brings the
 * same token for its certificate and its stream; a deleted pod's token is taken for that long at the most.
 */
export type KubernetesTokenOptions = Readonly<{
  review: (token: string) => Promise<TokenReviewStatus>;
  trustDomain: string;
  clock: Clock;
}>;

/** `status` of an authentication.k8s.io/v1 TokenReview, as far as it is looked at. */
export type TokenReviewStatus = Readonly<{
  authenticated?: boolean;
  user?: Readonly<{ username?: string; extra?: Readonly<Record<string, readonly string[]>> }>;
  audiences?: readonly string[];
  error?: string;
}>;

/** Whom tokens of sidecars are for: Istio's name, so that pods of both are understood. */
export const tokenAudience = 'istio-ca';

const keepGoodMs = 30_000;
const keepBadMs = 3000;
const maxKept = 10_000;
const maxTokenChars = 16_384;
const podNameKey = 'authentication.kubernetes.io/pod-name';

export function kubernetesTokenAttestor(options: KubernetesTokenOptions): Attestor {
  const kept = new KeptAnswers(options);
  return {
    name: 'service account token',
    async attest({ authorization }): Promise<Attestation> {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined || !isForeignJwt(token)) return { kind: 'absent' };
      const judged = await kept.judge(token);
      return judged.ok ? { kind: 'attested', ...judged.value } : { kind: 'refused', problems: judged.problems };
    },
  };
}

/** Asks an API server. Throws `unavailable` when it gives no answer, also when it does not let us ask: that is no fault of the caller's. */
export function tokenReviewer(api: ClusterApi): KubernetesTokenOptions['review'] {
  return async (token) => {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [tokenAudience] },
    };
    try {
      const answer = await api.create('/apis/authentication.k8s.io/v1/tokenreviews', body);
      return answer['status'] ?? {};
    } catch (cause) {
      throw new MeshError('unavailable', 'the token cannot be reviewed now', { cause });
    }
  };
}

/** What a review says of the caller. */
export function judgeReview(status: TokenReviewStatus, trustDomain: string): Result<Attested> {
  const path = 'service account token';
  if (status.authenticated !== true)
    return fail([problem(path, status.error ?? 'the API server does not know it', 'token_unknown')]);
  // A server that knows no audiences answers without them, and has not checked ours.
  if (status.audiences?.includes(tokenAudience) !== true)
    return fail([problem(path, `is not for the audience ${tokenAudience}`, 'token_audience')]);
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]+):([^:]+)$/.exec(status.user?.username ?? '') ?? [];
  if (namespace === undefined || serviceAccount === undefined)
    return fail([problem(path, `${status.user?.username ?? 'nobody'} is no service account`, 'token_account')]);
  const identity = parseSpiffeId(formatSpiffeId({ trustDomain, namespace, serviceAccount }));
  return identity.ok ? ok({ identity: identity.value, pod: status.user?.extra?.[podNameKey]?.[0] ?? null }) : identity;
}

type Kept = Readonly<{ judged: Promise<Result<Attested>>; untilMs: number }>;

class KeptAnswers {
  readonly #options: KubernetesTokenOptions;
  /** By hash: a token is a secret and need not lie about. */
  readonly #kept = new Map<string, Kept>();

  constructor(options: KubernetesTokenOptions) {
    this.#options = options;
  }

  judge(token: string): Promise<Result<Attested>> {
    const { clock } = this.#options;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#kept.get(hash);
    if (known !== undefined && clock.monotonic() < known.untilMs) return known.judged;
    const judged = this.#ask(hash, token);
    // Whoever asks while the answer is on its way waits for the same one.
    this.#keep(hash, { judged, untilMs: Number.POSITIVE_INFINITY });
    return judged;
  }

  async #ask(hash: string, token: string): Promise<Result<Attested>> {
    const { review, trustDomain, clock } = this.#options;
    try {
      const result = judgeReview(await review(token), trustDomain);
      const untilMs = clock.monotonic() + (result.ok ? keepGoodMs : keepBadMs);
      this.#keep(hash, { judged: Promise.resolve(result), untilMs });
      return result;
    } catch (error) {
      this.#kept.delete(hash);
      throw error;
    }
  }

  #keep(hash: string, kept: Kept): void {
    this.#kept.delete(hash);
    this.#kept.set(hash, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** Three parts, and not one of our own join tokens, whose header says so. */
function isForeignJwt(token: string): boolean {
  const [head = '', ...rest] = token.split('.');
  if (rest.length !== 2 || token.length > maxTokenChars) return false;
  return !Buffer.from(head, 'base64url').toString().includes('tulle-join+jwt');
}
