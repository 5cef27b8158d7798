import type { Clock } from '../runtime/clock.ts';
import { fullJitterMs } from '../runtime/backoff.ts';
import { describeError, isMeshError } from '../runtime/mesh-error.ts';
import type { Random } from '../runtime/random.ts';
import { WatchSource, type Watch } from '../runtime/watch.ts';
import type { ClusterApi, ClusterObject, Selection, WatchEvent } from './cluster-api.ts';

/** A few objects (one secret, the leases of the replicas) kept as the API server has them: listed, then watched. */
export type FollowOptions = Readonly<{
  api: ClusterApi;
  /** Path of the collection. */
  path: string;
  selection?: Selection;
  clock: Clock;
  random: Random;
  /** Told of each failed try; the objects stay as they were last known. */
  onFailure: (message: string) => void;
}>;

/** By `NAMESPACE/NAME`, the namespace empty for what lives in none. */
export type ObjectMap = ReadonlyMap<string, ClusterObject>;

export class FollowedObjects {
  readonly #options: FollowOptions;
  readonly #objects = new WatchSource<ObjectMap>(new Map());
  readonly #stop = new AbortController();
  readonly #listed = Promise.withResolvers<void>();
  /** Empty: list before the next watch. */
  #resourceVersion = '';
  #failures = 0;

  private constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Resolves with the first list, however long the API server takes to come. */
  static async start(options: FollowOptions): Promise<FollowedObjects> {
    const followed = new FollowedObjects(options);
    void followed.#run();
    await followed.#listed.promise;
    return followed;
  }

  get objects(): Watch<ObjectMap> {
    return this.#objects;
  }

  close(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#once();
      if (!this.#stop.signal.aborted) await this.#pause();
    }
  }

  async #once(): Promise<void> {
    const { api, path, selection, onFailure } = this.#options;
    try {
      if (this.#resourceVersion === '') await this.#list();
      const query = { resourceVersion: this.#resourceVersion, allowWatchBookmarks: 'true', ...selection };
      await api.watch(path, query, { signal: this.#stop.signal, onEvent: (event) => this.#take(event) });
    } catch (error) {
      // A watch without events for a while ends so: nothing is wrong.
      if (isMeshError(error, 'timeout')) return;
      if (isMeshError(error) && error.facts['status'] === 410) this.#resourceVersion = '';
      this.#failures++;
      onFailure(describeError(error));
    }
  }

  async #list(): Promise<void> {
    const { api, path, selection } = this.#options;
    const { items, resourceVersion } = await api.list(path, selection);
    if (this.#stop.signal.aborted) return;
    this.#objects.set(new Map(items.map((object) => [keyOf(object), object])));
    this.#resourceVersion = resourceVersion;
    this.#failures = 0;
    this.#listed.resolve();
  }

  #take({ type, object }: WatchEvent): void {
    if (this.#stop.signal.aborted) return;
    this.#failures = 0;
    if (type === 'ERROR') {
      this.#resourceVersion = '';
      return;
    }
    // Every event but an error carries an object with its metadata.
    const changed = object as ClusterObject;
    this.#resourceVersion = changed.metadata.resourceVersion ?? this.#resourceVersion;
    if (type === 'BOOKMARK') return;
    const next = new Map(this.#objects.current());
    if (type === 'DELETED') next.delete(keyOf(changed));
    else next.set(keyOf(changed), changed);
    this.#objects.set(next);
  }

  /** A server that ends each watch at once is asked again after half a second at the most, one that fails with back-off. */
  #pause(): Promise<void> {
    const { clock, random } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(fullJitterMs(Math.max(1, this.#failures), 500, 30_000, random), resolve);
    const stop = () => {
      cancel();
      resolve();
    };
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    return promise.finally(() => this.#stop.signal.removeEventListener('abort', stop));
  }
}

function keyOf({ metadata }: ClusterObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
