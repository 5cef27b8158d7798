import { toTlsSettings } from '../routing/tls-names.ts';
import type { WorkloadSecrets } from '../net/secret-store.ts';
import type { DownstreamTls, UpstreamTls } from '../snapshot/tls-context.ts';
import type { Plan, PlanListener } from './plan.ts';

/**
 * Resolves when the files that the plan's listeners and clusters need for TLS have been read, or could not be: a listener that takes
 * connections before would refuse them. What an identity agent answers is not waited for; that is the readiness's.
 */
export async function readSecrets(plan: Plan, secrets: WorkloadSecrets): Promise<void> {
  for (const listener of plan.listeners.values()) for (const tls of tlsOfListener(listener)) askFor(tls, secrets);
  for (const { config } of plan.clusters.values()) {
    for (const { transport } of [config, ...config.transportMatches]) {
      if (transport.kind === 'upstream') askFor(transport, secrets);
    }
  }
  await secrets.settled();
}

function tlsOfListener({ matcher, defaultChain }: PlanListener): readonly DownstreamTls[] {
  const chains = defaultChain === null ? matcher.chains() : [...matcher.chains(), defaultChain];
  return chains.flatMap(({ config }) => (config.tls === null ? [] : [config.tls]));
}

function askFor(tls: DownstreamTls | UpstreamTls, secrets: WorkloadSecrets): void {
  const { certificates, validation } = toTlsSettings(tls);
  for (const reference of certificates) secrets.secret(reference);
  const ca = validation?.trustedCa ?? null;
  if (ca !== null && ca.kind !== 'system') secrets.bundle(ca);
}
