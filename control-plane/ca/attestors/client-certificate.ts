import { parseSpiffeId, type SpiffeId } from '#shared/model/spiffe-id.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { verifyChain } from '#shared/x509/chain.ts';
import type { AuthorityKeys } from '../key-store.ts';
import type { Attestor } from './attestor.ts';

/** What client certificates are judged by. */
export type ClientCertificateOptions = Readonly<{ keys: Watch<AuthorityKeys>; trustDomain: string; clock: Clock }>;

/**
 * Knows callers by the workload certificate that they have already. The certificate is judged here again, whatever TLS
 * made of it: the server takes connections without one, and a resumed session keeps the verdict of an earlier hour.
 */
export function clientCertificateAttestor(options: ClientCertificateOptions): Attestor {
  return {
    name: 'client certificate',
    async attest({ peerCertificate }) {
      if (peerCertificate === null) return { kind: 'absent' };
      const identity = judge(peerCertificate, options);
      return identity.ok
        ? { kind: 'attested', identity: identity.value, pod: null }
        : { kind: 'refused', problems: identity.problems };
    },
  };
}

function judge(raw: Buffer, { keys, trustDomain, clock }: ClientCertificateOptions): Result<SpiffeId> {
  const path = 'client certificate';
  const leaf = parseCertificate(raw, path);
  if (!leaf.ok) return leaf;
  const { intermediates, roots } = keys.current();
  const chain = verifyChain([leaf.value, ...intermediates], { roots, now: clock.now(), purpose: 'client' }, path);
  if (!chain.ok) return chain;
  const [uri, ...others] = leaf.value.names.uris;
  if (uri === undefined || others.length > 0)
    return fail([problem(path, 'not exactly one URI name', 'certificate_names')]);
  const identity = parseSpiffeId(uri);
  if (!identity.ok) return identity;
  return identity.value.trustDomain === trustDomain
    ? ok(identity.value)
    : fail([problem(path, `${uri} is not of trust domain ${trustDomain}`, 'certificate_trust_domain')]);
}
