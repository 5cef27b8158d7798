import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import { containerNames } from '#shared/kubernetes/names.ts';
import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { findMissed, nextRepair, type MissedPod, type RepairHistory } from './missed-injection.ts';

export type InjectionWatchOptions = Readonly<{
  api: ClusterApi;
  catalog: Watch<Catalog>;
  settings: () => InjectionSettings;
  isLeader: () => boolean;
  /** Delete what missed its injection. */
  repairs: boolean;
  /** Whether a pod that is made now would be injected: our webhook is registered and trusted. */
  canInject: () => boolean;
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
}>;

const lookEveryMs = 5000;

/** Looks for pods that missed their injection, and repairs them one by one where that is asked for. Rules: `missed-injection.ts`. */
export class InjectionWatch {
  readonly #options: InjectionWatchOptions;
  #missed: readonly MissedPod[] = [];
  #seen: Catalog | null = null;
  #told = 0;
  #history: RepairHistory = new Map();
  #repaired = 0;
  #cancel: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: InjectionWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(lookEveryMs, () => {
      this.#running = this.#look().finally(() => this.start());
    });
  }

  /** As of now. */
  missed(): readonly MissedPod[] {
    const catalog = this.#options.catalog.current();
    if (catalog !== this.#seen) this.#missed = findMissed(catalog, this.#options.settings());
    this.#seen = catalog;
    return this.#missed;
  }

  /** How many pods were deleted since the start. */
  get repaired(): number {
    return this.#repaired;
  }

  async close(): Promise<void> {
    this.#cancel();
    await this.#running;
    this.#cancel();
  }

  async #look(): Promise<void> {
    const { isLeader, repairs, canInject, log, clock } = this.#options;
    if (!isLeader()) return;
    const missed = this.missed();
    if (missed.length !== this.#told && missed.length > 0)
      log('warn', `${missed.length} pods have no sidecar and should: ${missed.slice(0, 5).map(nameOf).join(', ')}`);
    this.#told = missed.length;
    if (!repairs || !canInject()) return;
    const [next, history] = nextRepair(missed, this.#history, clock.monotonic());
    this.#history = history;
    if (next !== null) await this.#repair(next);
  }

  async #repair(pod: MissedPod): Promise<void> {
    const { api, log } = this.#options;
    const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
    try {
      // The catalog may be a moment old: what is deleted is what is there now.
      const found = await api.read(path);
      if (found === null || hasProxy(found)) return;
      await api.remove(path, found.metadata.uid);
      this.#repaired++;
      log('info', `${nameOf(pod)} is deleted so that ${pod.owner} makes it again with its sidecar`);
    } catch (error) {
      log('warn', `${nameOf(pod)} has no sidecar and cannot be deleted: ${describeError(error)}`);
    }
  }
}

const nameOf = ({ namespace, name }: MissedPod) => `pod ${namespace}/${name}`;

function hasProxy({ spec }: ClusterObject): boolean {
  // A pod of an API server has lists of containers with names.
  const { containers = [], initContainers = [] } = (spec ?? {}) as Readonly<
    Record<string, readonly Readonly<{ name: string }>[] | undefined>
  >;
  return [...containers, ...initContainers].some(({ name }) => name === containerNames.proxy);
}
