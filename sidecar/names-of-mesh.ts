/** Joins the DNS proxy to the configuration: a name is answered when the listener that serves its address is in force. */
import { systemClock } from '#shared/runtime/clock.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { DnsProxy } from './dns/dns-proxy.ts';
import type { ListeningSockets } from './net/listening-sockets.ts';
import type { MeshedSettings } from './settings/meshed.ts';
import type { NameTable } from './snapshot/name-table.ts';
import type { XdsState } from './xds/session.ts';

export type NamesOptions = Readonly<{
  settings: MeshedSettings;
  /** What the data plane goes by; null before the first. */
  inForce: Watch<XdsState | null>;
  readiness: Readiness;
  logger: Logger;
  sockets: ListeningSockets;
}>;

/**
 * Makes the DNS proxy ready to be started, if there is to be one: what is returned starts it. The sidecar is not ready before it knows
 * the names of the mesh. The code of the proxy is loaded where it is needed only.
 */
export function prepareNames(options: NamesOptions): () => Promise<readonly DnsProxy[]> {
  const { settings, inForce, readiness, logger, sockets } = options;
  if (settings.dns === null) return () => Promise.resolve([]);
  const { address, resolvConf } = settings.dns;
  const names = namesOf(inForce);
  const known = readiness.gate('names');
  names.subscribe(known);
  if (names.current() !== null) known();
  return async () => {
    const { startDnsProxy } = await import('./dns/dns-proxy.ts');
    const proxy = await startDnsProxy({
      address,
      resolvConf,
      names,
      namespace: settings.namespace,
      clock: systemClock,
      sockets,
      log: (level, message, facts) => logger[level](facts, message),
    });
    logger.info({ addresses: proxy.addresses }, 'DNS proxy is up');
    return [proxy];
  };
}

/** What was there last holds when the control plane has none any more. */
function namesOf(inForce: Watch<XdsState | null>): Watch<NameTable | null> {
  const names = new WatchSource(tableOf(inForce.current()));
  inForce.subscribe((state) => names.set(tableOf(state) ?? names.current()));
  return names;
}

function tableOf(state: XdsState | null): NameTable | null {
  for (const { decoded } of state?.held.nameTable.values() ?? [])
    if (decoded.type === 'nameTable') return decoded.value;
  return null;
}
