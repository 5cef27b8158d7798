/**
 * Writes the status of resources, while this replica leads: what changed in substance at once, a mere count of proxies ten seconds
 * later at the latest, at most ten a second. Each write is a patch of `/status` on the version that was just read, so nothing that
 * another wrote in between is lost. Its own writes come back by the informers and change nothing: a status is no part of the catalog.
 */
import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { isDeepStrictEqual } from 'node:util';
import { differsInSubstance, statusPatch, wantedStatus, type ResourceFacts, type WantedStatus } from './content.ts';
import { StatusQueue, TokenBucket } from './queue.ts';

export type StatusWriterOptions = Readonly<{
  api: ClusterApi;
  clock: Clock;
  /** Path of a resource by key; null: its status is not ours. */
  pathOf: (key: string) => string | null;
  isLeader: () => boolean;
  onFailure: (message: string) => void;
  limit?: Readonly<{ perSecond: number; burst: number }>;
}>;

type Known = Readonly<{
  wanted: WantedStatus;
  /** What was written last, and when. */ written: WantedStatus | null;
  atMs: number;
}>;

const countsEveryMs = 10_000;
const retryMs = 2000;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue = new StatusQueue();
  readonly #bucket: TokenBucket;
  readonly #known = new Map<string, Known>();
  /** Kinds without `/status`, which are asked for once. */
  readonly #withoutStatus = new Set<string>();
  readonly #counts = { written: 0, failed: 0 };
  #cancel: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.limit ?? { perSecond: 10, burst: 20 }, options.clock.monotonic());
  }

  /** Takes what is known now of all resources; those that are not in it are forgotten. */
  tell(facts: readonly ResourceFacts[]): void {
    const keys = new Set(facts.map(({ key }) => key));
    for (const key of [...this.#known.keys()].filter((key) => !keys.has(key))) this.#forget(key);
    for (const one of facts) this.#take(one.key, wantedStatus(one));
    this.#schedule();
  }

  /** Forgets what was written: another may have led in between. */
  reset(): void {
    this.#known.clear();
    this.#queue.clear();
    this.#withoutStatus.clear();
  }

  counters(): Readonly<{ written: number; failed: number; waiting: number }> {
    return { ...this.#counts, waiting: this.#queue.size };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#running;
  }

  #take(key: string, wanted: WantedStatus): void {
    const known = this.#known.get(key);
    if (known !== undefined && isDeepStrictEqual(known.wanted, wanted)) return;
    this.#known.set(key, { wanted, written: known?.written ?? null, atMs: known?.atMs ?? 0 });
    const now = this.#options.clock.monotonic();
    if (differsInSubstance(known?.written ?? undefined, wanted)) this.#queue.offer(key, 'now', now);
    else this.#queue.offer(key, 'later', Math.max(now, (known?.atMs ?? 0) + countsEveryMs));
  }

  #forget(key: string): void {
    this.#known.delete(key);
    this.#queue.forget(key);
  }

  #schedule(): void {
    if (this.#isClosed || this.#running !== null) return;
    const atMs = this.#queue.nextAtMs();
    this.#cancel?.();
    this.#cancel = null;
    if (atMs === null) return;
    const { clock } = this.#options;
    this.#cancel = clock.after(Math.max(0, atMs - clock.monotonic()), () => {
      this.#cancel = null;
      this.#running = this.#drain().finally(() => {
        this.#running = null;
        this.#schedule();
      });
    });
  }

  async #drain(): Promise<void> {
    const { clock, isLeader } = this.#options;
    for (;;) {
      if (this.#isClosed || !isLeader()) return this.#queue.clear();
      const key = this.#queue.take(clock.monotonic());
      if (key === null) return;
      await this.#write(key);
    }
  }

  async #write(key: string): Promise<void> {
    const { api, clock, pathOf, onFailure } = this.#options;
    const [path, known] = [pathOf(key), this.#known.get(key)];
    const kind = key.slice(0, key.indexOf('/'));
    if (path === null || known === undefined || this.#withoutStatus.has(kind)) return;
    try {
      const object = await api.read(path);
      // What is gone, or newer than the catalog, is told of soon.
      if (object === null || object.metadata.generation !== known.wanted.observedGeneration) return;
      if (await this.#patch(path, object, known.wanted)) this.#counts.written++;
      const now = this.#known.get(key);
      if (now !== undefined) this.#known.set(key, { ...now, written: known.wanted, atMs: clock.monotonic() });
    } catch (error) {
      if (isMeshError(error, 'not_found')) return this.#notFound(kind, path);
      this.#queue.offer(key, 'now', clock.monotonic() + retryMs);
      if (isMeshError(error, 'conflict')) return;
      this.#counts.failed++;
      onFailure(`the status of ${key} is not written: ${describeError(error)}`);
    }
  }

  /** A patch that finds nothing: the resource is gone, or its kind has no `/status` at all. */
  async #notFound(kind: string, path: string): Promise<void> {
    const { api, onFailure } = this.#options;
    if ((await api.read(path).catch(() => null)) === null) return;
    this.#withoutStatus.add(kind);
    onFailure(`${kind} has no status to write to: its definition has no status subresource`);
  }

  /** Whether there was something to write. */
  async #patch(path: string, object: ClusterObject, wanted: WantedStatus): Promise<boolean> {
    const { api, clock } = this.#options;
    // A status is an object wherever there is one.
    const stored = (object['status'] ?? {}) as Readonly<Record<string, unknown>>;
    const status = statusPatch(stored, wanted, new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'));
    if (status === null) return false;
    await this.#token();
    const { resourceVersion } = object.metadata;
    await api.patch(`${path}/status`, { kind: 'merge', patch: { metadata: { resourceVersion }, status } });
    return true;
  }

  async #token(): Promise<void> {
    const { clock } = this.#options;
    for (let waitMs = this.#bucket.take(clock.monotonic()); waitMs > 0;) {
      await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
      waitMs = this.#bucket.take(clock.monotonic());
    }
  }
}
