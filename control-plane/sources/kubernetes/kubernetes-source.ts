/**
 * A Kubernetes API server as a source: every kind of the catalog is listed and watched, and told as the folder source tells it. What is
 * not installed is looked for again. When a watch is lost the last good state stays in force, and `health` says that it may be old.
 */
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { LabelSelector } from '#shared/model/label-selector.ts';
import type { Change } from '../../catalog/catalog.ts';
import type { Source } from '../source.ts';
import { Discovery } from './discovery.ts';
import { KindWatcher, type WatcherParts, type WatcherView } from './kind-watcher.ts';
import { watchedKinds, type WatchedKind } from './kinds.ts';
import { reselect, type NamespaceRules, type SelectedNamespaces } from './namespaces.ts';
import { defaultReflectorSettings, type ReflectorSettings } from './reflector-settings.ts';
import { HttpsRequests, type KubernetesRequests } from './requests.ts';

export type KubernetesSourceOptions = Readonly<{
  clock: Clock;
  random: Random;
  log: (level: 'info' | 'warn', message: string) => void;
  /** The mesh's own namespace: it is read always. */
  rootNamespace: string;
  /** Only these namespaces are listed and watched, each by itself, and the root namespace; empty: all, by one watch a kind. */
  watchNamespaces?: readonly string[];
  /** Of all that are watched, only namespaces with labels that one of these selects are read; empty: all. */
  discoverySelectors?: readonly LabelSelector[];
  settings?: Partial<ReflectorSettings>;
}>;

/** How fresh what is known is. */
export type SourceHealth = Readonly<{
  /** Everything was listed once. */
  isSynced: boolean;
  /** No watch is lost or silent for long: what is known is what there is. */
  isFresh: boolean;
  /** Kinds that may be old, each with the reason. */
  stale: readonly string[];
  watchers: readonly WatcherView[];
}>;

export class KubernetesSource implements Source {
  readonly name = 'kubernetes';
  readonly #requests: KubernetesRequests & Readonly<{ close?: () => void }>;
  readonly #options: KubernetesSourceOptions;
  readonly #watchers: readonly KindWatcher[];
  readonly #rules: NamespaceRules;
  readonly #awaited = new Set<KindWatcher>();
  #selected: SelectedNamespaces = new Set();
  #tell: (changes: readonly Change[]) => void = () => undefined;
  #waiting: Change[] = [];
  #isFlushing = false;
  #onStarted: (() => void) | null = null;
  #isClosed = false;

  /** `requests` in place of a configuration are for tests. */
  constructor(server: KubeConfig | KubernetesRequests, options: KubernetesSourceOptions) {
    this.#requests = 'watch' in server ? server : new HttpsRequests(server);
    this.#options = options;
    this.#rules = { rootNamespace: options.rootNamespace, selectors: options.discoverySelectors ?? [] };
    const { watchNamespaces = [] } = options;
    const namespaces =
      watchNamespaces.length === 0 ? [null] : [...new Set([...watchNamespaces, options.rootNamespace])];
    this.#watchers = this.#makeWatchers(namespaces);
  }

  start(tell: (changes: readonly Change[]) => void): Promise<void> {
    this.#tell = tell;
    const started = new Promise<void>((resolve) => {
      this.#onStarted = resolve;
    });
    for (const watcher of this.#watchers) if (this.#isNeeded(watcher.kind)) this.#awaited.add(watcher);
    // Which namespaces are read must be known before what lies in them is.
    const [first, later] = this.#hasSelectors() ? splitOff(this.#watchers, 'Namespace') : [this.#watchers, []];
    this.#afterFirst = later;
    for (const watcher of first) watcher.start();
    return started;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const watcher of this.#watchers) watcher.close();
    this.#requests.close?.();
    this.#onStarted?.();
    return Promise.resolve();
  }

  health(): SourceHealth {
    const watchers = this.#watchers.map((watcher) => watcher.view());
    const old = watchers.filter(({ isStale, isSynced }) => isStale && isSynced);
    return {
      isSynced: this.#onStarted === null,
      isFresh: this.#onStarted === null && old.length === 0,
      stale: old.map(
        ({ kind, namespace, problem }) => `${kind}${namespace === null ? '' : ` of ${namespace}`}: ${problem}`,
      ),
      watchers,
    };
  }

  #afterFirst: readonly KindWatcher[] = [];

  #makeWatchers(namespaces: readonly (string | null)[]): readonly KindWatcher[] {
    const { clock, random, log } = this.#options;
    const discovery = new Discovery(this.#requests, clock);
    const settings = { ...defaultReflectorSettings, ...this.#options.settings };
    const reads = (namespace: string) => !this.#hasSelectors() || this.#selected.has(namespace);
    return watchedKinds.flatMap((kind) =>
      (kind.isNamespaced ? namespaces : [null]).map((namespace) => {
        const parts: WatcherParts = {
          requests: this.#requests,
          discovery,
          clock,
          random,
          settings,
          log,
          reads,
          tell: (changes) => this.#take(kind, changes),
          onSynced: () => this.#synced(watcher),
        };
        const watcher: KindWatcher = new KindWatcher(kind, namespace, parts);
        return watcher;
      }),
    );
  }

  #hasSelectors(): boolean {
    return this.#rules.selectors.length > 0;
  }

  /** Who may read some namespaces only is perhaps not allowed to read nodes and namespaces: it goes without. */
  #isNeeded({ isNamespaced }: WatchedKind): boolean {
    return isNamespaced || (this.#options.watchNamespaces ?? []).length === 0 || this.#hasSelectors();
  }

  #take(kind: WatchedKind, changes: readonly Change[]): void {
    this.#waiting.push(...changes);
    if (kind.kind === 'Namespace' && this.#hasSelectors()) for (const change of changes) this.#select(change);
    this.#flushLater();
  }

  /** A namespace came, went, or has other labels. */
  #select(change: Change): void {
    if (!('key' in change)) return;
    const name = change.key.slice(change.key.lastIndexOf('/') + 1);
    if (change.kind === 'invalid') return;
    const labels = change.kind === 'upsert' ? change.resource.metadata.labels : null;
    const before = this.#selected;
    this.#selected = reselect(before, this.#rules, name, labels);
    if (this.#selected === before || this.#afterFirst.length > 0) return;
    const isRead = this.#selected.has(name);
    this.#options.log('info', `namespace ${name} is ${isRead ? 'read now' : 'not read any more'}`);
    for (const watcher of this.#watchers.filter(({ kind }) => kind.isNamespaced)) {
      if (isRead) watcher.refresh();
      else watcher.dropNamespace(name);
    }
  }

  #synced(watcher: KindWatcher): void {
    const later = this.#afterFirst;
    this.#afterFirst = [];
    for (const next of later) next.start();
    this.#awaited.delete(watcher);
    if (this.#awaited.size > 0 || this.#onStarted === null) return;
    const onStarted = this.#onStarted;
    this.#onStarted = null;
    this.#flush();
    onStarted();
  }

  /** What changes in one turn is told together; nothing is before everything was listed. */
  #flushLater(): void {
    if (this.#isFlushing || this.#onStarted !== null) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const changes = this.#waiting;
    this.#waiting = [];
    if (changes.length > 0 && !this.#isClosed) this.#tell(changes);
  }
}

function splitOff(
  watchers: readonly KindWatcher[],
  kind: string,
): readonly [readonly KindWatcher[], readonly KindWatcher[]] {
  return [watchers.filter((w) => w.kind.kind === kind), watchers.filter((w) => w.kind.kind !== kind)];
}
