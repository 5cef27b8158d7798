import type { ClusterApi } from '#shared/kubernetes/cluster-api.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { encodeLeaseSpec, leasesPath } from './lease.ts';
import {
  encodeReport,
  replicaLabel,
  replicaLeasePrefix,
  reportAnnotation,
  type ReplicaReport,
} from '#shared/kubernetes/replica-report.ts';
import { replicaLeaseMs } from './replicas.ts';
import { Reconciler } from './reconciler.ts';

export type ReplicaLeaseOptions = Readonly<{
  api: ClusterApi;
  namespace: string;
  /** Name of the replica: its pod's. */
  me: string;
  report: () => ReplicaReport;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

const renewEveryMs = 5000;
/** A change of the report is written this much later at the most, with the changes of the meantime. */
const quietMs = 500;

/** Keeps this replica's Lease: renewed while it lives, with its report, and removed at its end. */
export class ReplicaLease {
  readonly #options: ReplicaLeaseOptions;
  readonly #path: string;
  readonly #acquiredAtMs: number;
  readonly #writing: Reconciler;
  #cancel: () => void = () => undefined;
  #hasLease = false;
  #isRenewalDue = true;
  #written = '';

  constructor(options: ReplicaLeaseOptions) {
    const { namespace, me, clock, random, onFailure } = options;
    this.#options = options;
    this.#path = `${leasesPath(namespace)}/${replicaLeasePrefix}${me}`;
    this.#acquiredAtMs = clock.now();
    const name = 'the lease of this replica';
    this.#writing = new Reconciler({ name, work: () => this.#write(), clock, random, onFailure, quietMs });
  }

  start(): void {
    this.#renew();
  }

  /** To be called when the report may have changed. */
  changed(): void {
    this.#writing.trigger();
  }

  async close(): Promise<void> {
    this.#cancel();
    await this.#writing.close();
    try {
      if (this.#hasLease) await this.#options.api.remove(this.#path);
    } catch (error) {
      // Its time runs out by itself.
      this.#options.onFailure(`the lease of this replica is not removed: ${describeError(error)}`);
    }
  }

  #renew(): void {
    this.#isRenewalDue = true;
    this.#writing.trigger();
    this.#cancel = this.#options.clock.after(renewEveryMs, () => this.#renew());
  }

  async #write(): Promise<void> {
    const { api, namespace, me, clock, report } = this.#options;
    const text = encodeReport(report());
    if (!this.#isRenewalDue && text === this.#written) return;
    const name = `${replicaLeasePrefix}${me}`;
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        labels: { [replicaLabel]: 'true', 'app.kubernetes.io/part-of': 'tulle' },
        annotations: { [reportAnnotation]: text },
      },
      spec: encodeLeaseSpec({
        holder: me,
        durationMs: replicaLeaseMs,
        acquiredAtMs: this.#acquiredAtMs,
        renewedAtMs: clock.now(),
        transitions: 0,
        resourceVersion: '',
      }),
    };
    try {
      await api.patch(this.#path, { kind: 'merge', patch: lease });
    } catch (error) {
      if (!isMeshError(error, 'not_found')) throw error;
      await api.create(leasesPath(namespace), lease);
    }
    this.#hasLease = true;
    this.#isRenewalDue = false;
    this.#written = text;
  }
}
