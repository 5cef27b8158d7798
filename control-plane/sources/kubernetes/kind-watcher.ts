/** Lists and watches one kind, in one namespace or in all: carries out what its reflector wants, and tells what it hears. */
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Change } from '../../catalog/catalog.ts';
import { messageOf, readPage, readWatchEvent, reasonOf, type FailureReason } from './answers.ts';
import type { Discovery } from './discovery.ts';
import { identify, toChange, toRemoval, type ObjectId } from './documents.ts';
import { acceptOf, pathOf, type Location, type WatchedKind } from './kinds.ts';
import { KnownObjects } from './known-objects.ts';
import {
  idleReflector,
  stepReflector,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
} from './reflector.ts';
import type { ReflectorSettings } from './reflector-settings.ts';
import type { KubernetesRequests } from './requests.ts';

/** What a watcher works with. */
export type WatcherParts = Readonly<{
  requests: KubernetesRequests;
  discovery: Discovery;
  clock: Clock;
  random: Random;
  settings: ReflectorSettings;
  log: (level: 'info' | 'warn', message: string) => void;
  /** Whether objects of a namespace are read. */
  reads: (namespace: string) => boolean;
  tell: (changes: readonly Change[]) => void;
  /** Everything was told once. */
  onSynced: () => void;
}>;

/** What is told of a watcher. */
export type WatcherView = Readonly<{
  kind: string;
  /** Null: all namespaces. */
  namespace: string | null;
  apiVersion: string | null;
  phase: 'locating' | 'listing' | 'watching' | 'waiting' | 'absent';
  objects: number;
  /** Since when nothing was heard. Bookmarks come once a minute. */
  ageMs: number;
  isSynced: boolean;
  isStale: boolean;
  problem: string | null;
  lists: number;
  watches: number;
}>;

const pageSize = 500;
const tickMs = 2000;

type Told = ReflectorEvent extends infer E ? (E extends ReflectorEvent ? Omit<E, 'atMs'> : never) : never;

export class KindWatcher {
  readonly kind: WatchedKind;
  readonly namespace: string | null;
  readonly #parts: WatcherParts;
  readonly #known = new KnownObjects();
  #state: ReflectorState = idleReflector;
  #location: Location | null = null;
  /** Told when the list that is being read is whole. */
  #listed: Change[] = [];
  #abort: () => void = () => undefined;
  #cancelTick: () => void = () => undefined;
  #isClosed = false;
  #counts = { lists: 0, watches: 0 };

  constructor(kind: WatchedKind, namespace: string | null, parts: WatcherParts) {
    this.kind = kind;
    this.namespace = namespace;
    this.#parts = parts;
  }

  start(): void {
    this.#step({ kind: 'started' });
    this.#tick();
  }

  close(): void {
    this.#isClosed = true;
    this.#abort();
    this.#cancelTick();
  }

  /** Lists anew, for a namespace that is read from now on. */
  refresh(): void {
    this.#step({ kind: 'refresh' });
  }

  /** A namespace is not read any more: its objects are told to be gone. */
  dropNamespace(namespace: string): void {
    const prefix = `${this.kind.kind}/${namespace}/`;
    const gone = [...this.#known.keys()].filter((key) => key.startsWith(prefix));
    for (const key of gone) this.#known.drop(key);
    this.#listed = this.#listed.filter((change) => !('key' in change && change.key.startsWith(prefix)));
    if (gone.length > 0) this.#parts.tell(gone.map(toRemoval));
  }

  view(): WatcherView {
    const { phase, hasListed, isStale, problem, heardAtMs, absentSinceMs } = this.#state;
    return {
      kind: this.kind.kind,
      namespace: this.namespace,
      apiVersion: this.#location?.apiVersion ?? null,
      phase: absentSinceMs === null ? phase.kind : 'absent',
      objects: this.#known.size,
      ageMs: Math.max(0, this.#parts.clock.monotonic() - heardAtMs),
      isSynced: hasListed,
      isStale,
      problem,
      ...this.#counts,
    };
  }

  #tick(): void {
    this.#cancelTick = this.#parts.clock.after(tickMs, () => {
      this.#step({ kind: 'tick' });
      this.#tick();
    });
  }

  #step(event: Told): void {
    if (this.#isClosed) return;
    const { clock, random, settings } = this.#parts;
    const [state, effects] = stepReflector(this.#state, { ...event, atMs: clock.monotonic() }, { random, settings });
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ReflectorEffect): void {
    switch (effect.kind) {
      case 'locate':
        return this.#locate();
      case 'list':
        return this.#list(effect.token);
      case 'watch':
        return this.#watch(effect.resourceVersion, effect.timeoutSeconds);
      case 'wait':
        this.#abort = this.#parts.clock.after(effect.ms, () => this.#step({ kind: 'due' }));
        return;
      case 'abort':
        return this.#abort();
      case 'synced':
        return this.#synced();
      case 'forget':
        this.#known.beginList();
        return this.#parts.tell(this.#known.endList().map(toRemoval));
      case 'log':
        return this.#parts.log(effect.level, `${this.#name()} ${effect.message}`);
    }
  }

  #name(): string {
    return this.namespace === null ? this.kind.kind : `${this.kind.kind} of ${this.namespace}`;
  }

  /** Asks something; the answer is taken unless it was aborted meanwhile. */
  #ask<T>(question: (signal: AbortSignal) => Promise<T>, take: (answer: T) => void): void {
    const controller = new AbortController();
    const { signal } = controller;
    this.#abort = () => controller.abort();
    question(signal).then(
      (answer) => {
        if (!signal.aborted) take(answer);
      },
      (error: unknown) => {
        if (!signal.aborted) this.#fail(describeError(error));
      },
    );
  }

  #fail(message: string, reason: FailureReason = 'other'): void {
    this.#step({ kind: 'failed', reason, message });
  }

  #locate(): void {
    this.#ask(
      () => this.#parts.discovery.locate(this.kind),
      (location) => {
        this.#location = location ?? this.#location;
        this.#step({ kind: location === null ? 'absent' : 'located' });
      },
    );
  }

  #path(query: Readonly<Record<string, string>>): string {
    if (this.#location === null) throw new MeshError('not_found', `${this.kind.kind} was not located`);
    return `${pathOf(this.#location, this.namespace)}?${new URLSearchParams(query).toString()}`;
  }

  #list(token: string): void {
    if (token === '') {
      this.#counts.lists++;
      this.#known.beginList();
    }
    const path = this.#path({ limit: String(pageSize), ...(token === '' ? {} : { continue: token }) });
    this.#ask(
      (signal) => this.#parts.requests.get(path, acceptOf(this.kind, 'list'), signal),
      ({ status, body }) => {
        if (status === 200) this.#takePage(body);
        else this.#fail(`a list was answered with ${status}: ${messageOf(body)}`, reasonOf(status));
      },
    );
  }

  #takePage(body: string): void {
    const page = readPage(body);
    if (page === null) return this.#fail('a list was answered with what is no list');
    for (const object of page.items) {
      const id = identify(this.kind, object);
      if (id === null || !this.#reads(id)) continue;
      if (this.#known.takeListed(id.key, id.resourceVersion)) this.#listed.push(this.#changeOf(object, id));
    }
    this.#step({ kind: 'page', token: page.token, resourceVersion: page.resourceVersion });
  }

  #synced(): void {
    const gone = this.#known.endList().map(toRemoval);
    const changes = [...this.#listed, ...gone];
    this.#listed = [];
    if (changes.length > 0) this.#parts.tell(changes);
    this.#parts.onSynced();
  }

  #watch(resourceVersion: string, timeoutSeconds: number): void {
    this.#counts.watches++;
    const query = { watch: '1', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: String(timeoutSeconds) };
    const path = this.#path(query);
    this.#abort = this.#parts.requests.watch(path, acceptOf(this.kind, 'watch'), {
      opened: () => this.#step({ kind: 'opened' }),
      line: (text) => this.#takeEvent(text),
      ended: (error, status) => {
        if (status !== 0 && status !== 200) this.#fail(`a watch was answered with ${status}`, reasonOf(status));
        else if (error !== null) this.#fail(describeError(error));
        else this.#step({ kind: 'ended' });
      },
    });
  }

  /** Throws at what is no event: the watch is then begun anew. */
  #takeEvent(text: string): void {
    const event = readWatchEvent(text);
    if (event.type === 'error') {
      this.#abort();
      return this.#fail(event.message, event.reason);
    }
    this.#step({ kind: 'heard', resourceVersion: event.resourceVersion });
    if (event.type === 'bookmark') return;
    const id = identify(this.kind, event.object);
    if (id === null || !this.#reads(id)) return;
    if (event.type === 'deleted') {
      if (this.#known.drop(id.key)) this.#parts.tell([toRemoval(id.key)]);
    } else if (this.#known.take(id.key, id.resourceVersion)) {
      this.#parts.tell([this.#changeOf(event.object, id)]);
    }
  }

  /** Nodes and namespaces are read whatever namespaces are. */
  #reads({ namespace }: ObjectId): boolean {
    return !this.kind.isNamespaced || this.#parts.reads(namespace);
  }

  #changeOf(object: unknown, id: ObjectId): Change {
    return toChange(this.kind, this.#location?.apiVersion ?? '', object, id);
  }
}
