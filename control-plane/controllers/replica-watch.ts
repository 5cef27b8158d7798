import type { ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import { FollowedObjects } from '#shared/kubernetes/follow-objects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { leasesPath } from './lease.ts';
import { replicaLabel, replicaLeasePrefix, type ReplicaReport } from '#shared/kubernetes/replica-report.ts';
import { healthyReplicas, seeReplicas, type SeenReplicas } from './replicas.ts';

export type ReplicaWatchOptions = Readonly<{
  api: ClusterApi;
  namespace: string;
  /** This replica: it is told apart from the others. */
  me: string;
  isLeader: () => boolean;
  /** Told when a replica came, went, reported something else, or was not heard of for too long. */
  onChange: () => void;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

const lookEveryMs = 5000;
/** The leases of replicas that ended without a word are removed after this time. */
const forgetAfterMs = 600_000;

/** What the other replicas tell, and which of them live. */
export class ReplicaWatch {
  readonly #options: ReplicaWatchOptions;
  #seen: SeenReplicas = new Map();
  #followed: FollowedObjects | null = null;
  #isClosed = false;
  #cancel: () => void = () => undefined;

  constructor(options: ReplicaWatchOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#follow();
    this.#look();
  }

  /** Healthy ones beside this. */
  others(): readonly Readonly<{ name: string; report: ReplicaReport }>[] {
    const own = replicaLeasePrefix + this.#options.me;
    return healthyReplicas(this.#seen, this.#options.clock.monotonic())
      .filter(({ name }) => name !== own)
      .map(({ name, report }) => ({ name: name.slice(replicaLeasePrefix.length), report }));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#followed?.close();
  }

  async #follow(): Promise<void> {
    const { api, namespace, clock, random, onFailure } = this.#options;
    const selection = { labelSelector: `${replicaLabel}=true` };
    const path = leasesPath(namespace);
    const followed = await FollowedObjects.start({ api, path, selection, clock, random, onFailure });
    if (this.#isClosed) return followed.close();
    this.#followed = followed;
    const see = () => {
      const now = { monotonicMs: clock.monotonic(), wallMs: clock.now() };
      this.#seen = seeReplicas(this.#seen, followed.objects.current(), now);
      this.#options.onChange();
    };
    followed.objects.subscribe(see);
    see();
  }

  /** Silence is no event: it is looked for. */
  #look(): void {
    this.#cancel = this.#options.clock.after(lookEveryMs, () => {
      this.#options.onChange();
      if (this.#options.isLeader()) void this.#forgetDead();
      this.#look();
    });
  }

  async #forgetDead(): Promise<void> {
    const { api, namespace, clock, onFailure } = this.#options;
    const now = clock.monotonic();
    for (const { name, seenAtMs } of this.#seen.values()) {
      if (now < seenAtMs + forgetAfterMs) continue;
      try {
        await api.remove(`${leasesPath(namespace)}/${name}`);
      } catch (error) {
        if (!isMeshError(error, 'not_found')) onFailure(`a dead replica's lease stays: ${describeError(error)}`);
      }
    }
  }
}
