import type { CallerCredentials } from '#shared/certificates/serve-certificates.ts';
import type { SpiffeId } from '#shared/model/spiffe-id.ts';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

/** Who a caller is. `pod`: the name of the pod that its credentials are bound to, where they tell one. */
export type Attested = Readonly<{ identity: SpiffeId; pod: string | null }>;

/** What an attestor finds: who the caller is, that it brought nothing of this kind, or why what it brought is refused. */
export type Attestation =
  | (Readonly<{ kind: 'attested' }> & Attested)
  | Readonly<{ kind: 'absent' }>
  | Readonly<{ kind: 'refused'; problems: readonly Problem[] }>;

/** One way of telling who a caller is. Attestors alone decide about identities; one that cannot tell now throws `unavailable`. */
export interface Attestor {
  readonly name: string;
  attest(caller: CallerCredentials): Promise<Attestation>;
}

/** Asks in order; the first that knows the caller decides. Else every refusal is told, or that nothing was brought. */
export async function attestFirst(
  attestors: readonly Attestor[],
  caller: CallerCredentials,
): Promise<Result<Attested>> {
  const problems: Problem[] = [];
  for (const attestor of attestors) {
    const found = await attestor.attest(caller);
    switch (found.kind) {
      case 'attested':
        return ok({ identity: found.identity, pod: found.pod });
      case 'refused':
        problems.push(...found.problems);
        break;
      case 'absent':
        break;
    }
  }
  if (problems.length > 0) return fail(problems);
  const names = attestors.map(({ name }) => name).join(', ');
  return fail([problem('caller', `no credentials: bring one of ${names}`, 'no_credentials')]);
}
