/**
 * Outlier detection for all workers together, on the main thread. Workers count in cells that they share; the one whose request meets
 * a threshold says so; here it is decided, by the numbers and limits of the whole proxy, and told to all. As in Envoy, whose threads
 * count in atomics and leave ejecting to the main thread.
 *
 *   worker: members, fire -> OutlierWatch of the cluster -> ejected, to every worker
 */
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { ClusterConfig, OutlierConfig } from '../snapshot/cluster.ts';
import { monitorCells, OutlierMonitor } from '../upstream/outlier-monitor.ts';
import type { ConsecutiveType, OutlierHost } from '../upstream/outlier-reports.ts';
import type { OutlierStats } from '../upstream/outlier-stats.ts';
import { OutlierWatch } from '../upstream/outlier-watch.ts';
import type { OutlierEvent } from '../upstream/outlier.ts';
import type { HostState } from '../upstream/remote-judge.ts';

/** A host that at least one worker has. */
type SharedHost = OutlierHost & Readonly<{ cells: Int32Array; holders: Set<number> }>;

type Judged = Readonly<{ watch: OutlierWatch<SharedHost>; hosts: Map<string, SharedHost> }>;

export type OutlierHubOptions = Readonly<{
  clock: Clock;
  random: Random;
  /** To every worker: a host is ejected, or is no longer. */
  tell: (cluster: string, key: string, isEjected: boolean) => void;
  onEvent: (cluster: string, event: OutlierEvent<OutlierHost>) => void;
}>;

export class OutlierHub {
  readonly #options: OutlierHubOptions;
  readonly #clusters = new Map<string, Judged>();

  constructor(options: OutlierHubOptions) {
    this.#options = options;
  }

  /** These clusters there are now, so configured. */
  configure(clusters: ReadonlyMap<string, ClusterConfig>): void {
    for (const [name, { watch }] of this.#clusters) {
      if ((clusters.get(name)?.outlier ?? null) !== null) continue;
      // Ends its ejections, too.
      watch.configure(null);
      this.#clusters.delete(name);
    }
    for (const [name, { outlier }] of clusters) if (outlier !== null) this.#configure(name, outlier);
  }

  /** What detection counted in a cluster; null where there is none. */
  stats(cluster: string): OutlierStats | null {
    return this.#clusters.get(cluster)?.watch.stats ?? null;
  }

  /** A worker has these hosts of a cluster; the state of each, for it to take over. */
  members(worker: number, cluster: string, keys: readonly string[]): readonly HostState[] {
    const judged = this.#clusters.get(cluster);
    if (judged === undefined) return [];
    const { hosts, watch } = judged;
    const present = new Set(keys);
    for (const host of hosts.values()) if (!present.has(host.key)) leave(hosts, host, worker);
    for (const key of present) {
      const host = hosts.get(key) ?? aHost(key);
      host.holders.add(worker);
      hosts.set(key, host);
    }
    watch.hostsChanged();
    return [...hosts.values()]
      .filter(({ key }) => present.has(key))
      .map(({ key, cells, monitor }) => ({ key, cells, isEjected: monitor.isEjected }));
  }

  /** In a worker a counter of the host met its threshold. */
  fire(cluster: string, key: string, type: ConsecutiveType): void {
    const judged = this.#clusters.get(cluster);
    const host = judged?.hosts.get(key);
    if (host !== undefined) judged?.watch.fire(host, type);
  }

  /** A worker is dead. Hosts that it alone had stay: its successor will have them, and they stay ejected until then. */
  forget(worker: number): void {
    for (const { hosts } of this.#clusters.values()) for (const { holders } of hosts.values()) holders.delete(worker);
  }

  close(): void {
    for (const { watch } of this.#clusters.values()) watch.close();
    this.#clusters.clear();
  }

  #configure(name: string, outlier: OutlierConfig): void {
    let judged = this.#clusters.get(name);
    if (judged === undefined) {
      const { clock, random, tell, onEvent } = this.#options;
      const hosts = new Map<string, SharedHost>();
      const watch = new OutlierWatch<SharedHost>({
        clock,
        random,
        hosts: () => hosts.values(),
        onEvent: (event) => {
          tell(name, event.host.key, event.host.monitor.isEjected);
          onEvent(name, event);
        },
      });
      judged = { watch, hosts };
      this.#clusters.set(name, judged);
    }
    judged.watch.configure(outlier);
  }
}

function aHost(key: string): SharedHost {
  const cells = new Int32Array(new SharedArrayBuffer(monitorCells * Int32Array.BYTES_PER_ELEMENT));
  const monitor = new OutlierMonitor();
  monitor.attach(cells);
  return { key, cells, monitor, holders: new Set() };
}

/** Gone with the last worker that had it. */
function leave(hosts: Map<string, SharedHost>, host: SharedHost, worker: number): void {
  host.holders.delete(worker);
  if (host.holders.size === 0) hosts.delete(host.key);
}
