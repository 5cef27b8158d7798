/**
 * Workloads that join by connecting: a sidecar that asks for it becomes a WorkloadEntry made from its node metadata, for as long
 * as it is connected and a grace time longer. Pure: `(state, event) -> [state, changes]`; the clock is in the events.
 *
 * A workload whose address a WorkloadEntry of the user's has already is not registered again. Its health, told on the ADS
 * stream as Istio's agents do, becomes the entry's `Healthy` condition.
 */
import { resourceKey, type WorkloadEntry, type WorkloadGroup } from '#shared/model/resource.ts';
import type { Change } from '../catalog/catalog.ts';

/** What a connecting sidecar says of its workload. */
export type JoiningWorkload = Readonly<{
  name: string;
  namespace: string;
  serviceAccount: string;
  labels: Readonly<Record<string, string>>;
  address: string;
  /** Port name or number -> port to connect to. */
  ports: Readonly<Record<string, number>>;
  locality: string;
  /** WorkloadGroup whose template applies, or empty. */
  group: string;
}>;

export type RegistryEvent =
  | Readonly<{
      kind: 'connected';
      connection: string;
      workload: JoiningWorkload;
      group: WorkloadGroup | null;
      atMs: number;
    }>
  | Readonly<{ kind: 'disconnected'; connection: string; atMs: number }>
  | Readonly<{ kind: 'health'; connection: string; isHealthy: boolean; message: string }>
  | Readonly<{ kind: 'tick'; atMs: number }>
  /** What was registered when the control plane last ran: it stays for this long, until its sidecars have come back. */
  | Readonly<{ kind: 'restored'; entries: readonly WorkloadEntry[]; removeAtMs: number }>;

type Registered = Readonly<{
  entry: WorkloadEntry;
  /** Connections that stand for it (two for a moment when a sidecar reconnects). */
  connections: ReadonlySet<string>;
  /** When it will be removed; null while connected. */
  removeAtMs: number | null;
}>;

export type RegistryState = ReadonlyMap<string, Registered>;

export const emptyRegistry: RegistryState = new Map();

/** One step. `graceMs`: how long a lost connection keeps its workload. */
export function stepRegistry(state: RegistryState, event: RegistryEvent, graceMs: number): [RegistryState, Change[]] {
  switch (event.kind) {
    case 'connected':
      return connect(state, event);
    case 'disconnected':
      return disconnect(state, event.connection, event.atMs + graceMs);
    case 'health':
      return setHealth(state, event);
    case 'tick':
      return expire(state, event.atMs);
    case 'restored':
      return restore(state, event.entries, event.removeAtMs);
  }
}

/** When the next workload falls due for removal, or null. */
export function nextExpiry(state: RegistryState): number | null {
  const due = [...state.values()].flatMap((registered) =>
    registered.removeAtMs === null ? [] : [registered.removeAtMs],
  );
  return due.length === 0 ? null : Math.min(...due);
}

const origin = { source: 'registry', file: 'registry', line: 0 } as const;

function connect(
  state: RegistryState,
  event: Extract<RegistryEvent, { kind: 'connected' }>,
): [RegistryState, Change[]] {
  const entry = toEntry(event.workload, event.group);
  const key = resourceKey(entry);
  const before = state.get(key);
  const connections = new Set(before?.connections).add(event.connection);
  // A sidecar that comes back keeps what was known of its health until it tells anew.
  const kept = before?.entry.status === undefined ? entry : { ...entry, status: before.entry.status };
  const next = new Map(state).set(key, { entry: kept, connections, removeAtMs: null });
  return [next, [{ kind: 'upsert', key, resource: kept, origin, warnings: [] }]];
}

function disconnect(state: RegistryState, connection: string, removeAtMs: number): [RegistryState, Change[]] {
  const next = new Map(state);
  for (const [key, registered] of state) {
    if (!registered.connections.has(connection)) continue;
    const connections = new Set(registered.connections);
    connections.delete(connection);
    next.set(key, { ...registered, connections, removeAtMs: connections.size === 0 ? removeAtMs : null });
  }
  return [next, []];
}

function setHealth(state: RegistryState, event: Extract<RegistryEvent, { kind: 'health' }>): [RegistryState, Change[]] {
  const next = new Map(state);
  const changes: Change[] = [];
  for (const [key, registered] of state) {
    if (!registered.connections.has(event.connection)) continue;
    const condition = {
      type: 'Healthy',
      status: event.isHealthy ? 'True' : 'False',
      ...(event.message === '' ? {} : { message: event.message }),
    };
    const entry: WorkloadEntry = { ...registered.entry, status: { conditions: [condition] } };
    next.set(key, { ...registered, entry });
    changes.push({ kind: 'upsert', key, resource: entry, origin, warnings: [] });
  }
  return [next, changes];
}

function expire(state: RegistryState, nowMs: number): [RegistryState, Change[]] {
  const next = new Map(state);
  const changes: Change[] = [];
  for (const [key, registered] of state) {
    if (registered.removeAtMs === null || registered.removeAtMs > nowMs) continue;
    next.delete(key);
    changes.push({ kind: 'remove', key, origin });
  }
  return [next, changes];
}

function restore(
  state: RegistryState,
  entries: readonly WorkloadEntry[],
  removeAtMs: number,
): [RegistryState, Change[]] {
  const next = new Map(state);
  const changes: Change[] = [];
  for (const entry of entries) {
    const key = resourceKey(entry);
    if (next.has(key)) continue;
    next.set(key, { entry, connections: new Set(), removeAtMs });
    changes.push({ kind: 'upsert', key, resource: entry, origin, warnings: [] });
  }
  return [next, changes];
}

/** The entry of a workload; its group's template fills what the workload does not say (Istio: WorkloadGroup). */
function toEntry(workload: JoiningWorkload, group: WorkloadGroup | null): WorkloadEntry {
  const template = group?.spec.template;
  const metadata = group?.spec.metadata;
  const locality = workload.locality === '' ? template?.locality : workload.locality;
  const weight = template?.weight;
  return {
    kind: 'WorkloadEntry',
    apiVersion: 'networking.istio.io/v1',
    metadata: {
      name: `${group?.metadata.name ?? workload.name}-${workload.address.replaceAll(/[.:]/g, '-')}`,
      namespace: workload.namespace,
      labels: { ...metadata?.labels, ...workload.labels },
      annotations: { ...metadata?.annotations },
    },
    spec: {
      address: workload.address,
      labels: { ...metadata?.labels, ...template?.labels, ...workload.labels, 'security.istio.io/tlsMode': 'istio' },
      ports: { ...template?.ports, ...workload.ports },
      serviceAccount: workload.serviceAccount,
      ...(locality === undefined ? {} : { locality }),
      ...(weight === undefined ? {} : { weight }),
    },
  };
}
