import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import {
  initialLeader,
  releasedLease,
  stepLeader,
  type LeaderEffect,
  type LeaderEvent,
  type LeaderState,
  type LeaderTiming,
  type LeaseRecord,
} from './leader.ts';
import { decodeLease, encodeLeaseSpec, leasesPath } from './lease.ts';

export type ElectorOptions = Readonly<{
  api: ClusterApi;
  namespace: string;
  /** Name of the Lease. */
  name: string;
  /** Whom the lease names as its holder: one name a replica. */
  me: string;
  timing: LeaderTiming;
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

/** How far retries are spread, as client-go's jitter factor. */
const jitter = 0.2;

/** Takes part in the election from `start` to `close`. Rules are in `leader.ts`; this does the calls and the timers. */
export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #isLeader = new WatchSource(false);
  #state: LeaderState;
  #isClosed = false;
  #cancelRetry: () => void = () => undefined;
  #cancelEnd: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#state = initialLeader(options.me, options.timing);
  }

  /** Whether this replica leads. It turns false before the lease ends, whether the API server is reached or not. */
  get isLeader(): Watch<boolean> {
    return this.#isLeader;
  }

  /** The holder as last seen; empty: none. */
  get holder(): string {
    return this.#state.observed?.lease.holder ?? '';
  }

  start(): void {
    this.#run({ kind: 'due', atMs: this.#options.clock.monotonic() });
  }

  /** Stops leading, then gives the lease back, so that another replica takes over at its next look. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#cancelEnd();
    this.#isLeader.set(false);
    await this.#running;
    const lease = releasedLease(this.#state, this.#options.clock.now());
    if (lease === null) return;
    try {
      await this.#write(lease);
    } catch (error) {
      this.#options.onFailure(`the lease ${this.#options.name} is not given back: ${describeError(error)}`);
    }
  }

  #run(event: LeaderEvent): void {
    this.#running = this.#step(event);
  }

  async #step(event: LeaderEvent): Promise<void> {
    let next: LeaderEvent | null = event;
    while (next !== null) {
      const [state, effects]: readonly [LeaderState, readonly LeaderEffect[]] = stepLeader(
        this.#state,
        next,
        this.#options.clock.now(),
      );
      this.#state = state;
      next = null;
      for (const effect of effects) next = (await this.#do(effect)) ?? next;
    }
  }

  async #do(effect: LeaderEffect): Promise<LeaderEvent | null> {
    const { clock, random } = this.#options;
    switch (effect.kind) {
      case 'read':
        return await this.#call(() => this.#read());
      case 'write':
        return this.#isClosed ? null : await this.#call(() => this.#renew(effect.lease));
      case 'lead':
        if (!this.#isClosed) this.#isLeader.set(true);
        return null;
      case 'stop':
        this.#isLeader.set(false);
        return null;
      case 'retry': {
        this.#watchEnd();
        if (this.#isClosed) return null;
        const afterMs = effect.afterMs * (1 + random() * jitter);
        this.#cancelRetry = clock.after(afterMs, () => this.#run({ kind: 'due', atMs: clock.monotonic() }));
        return null;
      }
    }
  }

  /** A call that hangs must not make a leader of yesterday: its time runs out by a timer of its own. */
  #watchEnd(): void {
    const { clock } = this.#options;
    const { leadsUntilMs } = this.#state;
    this.#cancelEnd();
    if (leadsUntilMs === null || this.#isClosed) return;
    this.#cancelEnd = clock.after(leadsUntilMs - clock.monotonic(), () => this.#isLeader.set(false));
  }

  async #call(call: () => Promise<LeaderEvent>): Promise<LeaderEvent> {
    const { clock, name, onFailure } = this.#options;
    try {
      return await call();
    } catch (error) {
      const atMs = clock.monotonic();
      if (isMeshError(error, 'conflict')) return { kind: 'rejected', atMs };
      onFailure(`the lease ${name}: ${describeError(error)}`);
      return { kind: 'failed', atMs };
    }
  }

  async #read(): Promise<LeaderEvent> {
    const found = await this.#options.api.read(this.#path);
    return { kind: 'read', lease: found === null ? null : decodeLease(found), atMs: this.#options.clock.monotonic() };
  }

  async #renew(lease: LeaseRecord): Promise<LeaderEvent> {
    const startedMs = this.#options.clock.monotonic();
    return { kind: 'written', lease: decodeLease(await this.#write(lease)), startedMs };
  }

  #write(lease: LeaseRecord): Promise<ClusterObject> {
    const { api, namespace, name } = this.#options;
    const { resourceVersion } = lease;
    const metadata = { name, namespace, ...(resourceVersion === '' ? {} : { resourceVersion }) };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: encodeLeaseSpec(lease) };
    return resourceVersion === '' ? api.create(leasesPath(namespace), body) : api.replace(this.#path, body);
  }

  get #path(): string {
    return `${leasesPath(this.#options.namespace)}/${this.#options.name}`;
  }
}
