import { MeshError } from '../../runtime/mesh-error.ts';
import type { ClusterApi, ClusterObject, PatchBody, Selection, WatchEvent, WatchOptions } from '../cluster-api.ts';

type Watcher = Readonly<{ path: string; selection: Selection; onEvent: (event: WatchEvent) => void; end: () => void }>;

/**
 * An API server in memory, as far as controllers lean on one: resource versions, conflicts, watches, preconditions. Objects are
 * found by the path of their collection and their name. `calls` tells every write.
 */
export class FakeCluster implements ClusterApi {
  readonly #objects = new Map<string, ClusterObject>();
  readonly #watchers = new Set<Watcher>();
  /** What happened, for watches that begin later. */
  readonly #events: Readonly<{ version: number; path: string; event: WatchEvent }>[] = [];
  #version = 0;
  readonly calls: string[] = [];
  /** While set, every call fails with it. */
  failure: MeshError | null = null;

  minor = 29;

  async serverMinor(): Promise<number> {
    this.#check();
    return this.minor;
  }

  /** Puts an object there, as somebody else would. */
  put(path: string, object: Omit<ClusterObject, 'metadata'> & Readonly<{ metadata: object }>): void {
    this.#store(path, object as ClusterObject);
  }

  peek(path: string): ClusterObject | null {
    return this.#objects.get(path) ?? null;
  }

  /** Ends every open watch, as a server does now and then. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  async read(path: string): Promise<ClusterObject | null> {
    this.#check();
    return this.#objects.get(path) ?? null;
  }

  async list(path: string, selection: Selection = {}) {
    this.#check();
    const items = [...this.#objects].filter(([at]) => isIn(path, at)).map(([, object]) => object);
    return { items: items.filter((object) => selects(selection, object)), resourceVersion: String(this.#version) };
  }

  async create(path: string, object: object): Promise<ClusterObject> {
    this.#check();
    const created = object as ClusterObject;
    const at = `${path}/${created.metadata.name}`;
    if (this.#objects.has(at)) throw new MeshError('conflict', `${at} already exists`, { facts: { status: 409 } });
    this.calls.push(`create ${at}`);
    return this.#store(at, created);
  }

  async replace(path: string, object: object): Promise<ClusterObject> {
    this.#check();
    const next = object as ClusterObject;
    const version = this.#expect(path).metadata.resourceVersion;
    if (next.metadata.resourceVersion !== undefined && next.metadata.resourceVersion !== version)
      throw new MeshError('conflict', `${path} was modified`, { facts: { status: 409 } });
    this.calls.push(`replace ${path}`);
    return this.#store(path, next);
  }

  async patch(path: string, { kind, patch }: PatchBody): Promise<ClusterObject> {
    this.#check();
    const target = path.replace(/\/status$/, '');
    const before = this.#expect(target);
    if (kind === 'json') {
      this.calls.push(`patch ${path}`);
      return this.#store(target, patch.reduce(applyOperation, before) as ClusterObject);
    }
    const { metadata } = patch as Partial<ClusterObject>;
    if (metadata?.resourceVersion !== undefined && metadata.resourceVersion !== before.metadata.resourceVersion)
      throw new MeshError('conflict', `${path} was modified`, { facts: { status: 409 } });
    this.calls.push(`patch ${path}`);
    return this.#store(target, merge(before, patch) as ClusterObject);
  }

  async remove(path: string, uid?: string): Promise<void> {
    this.#check();
    const object = this.#expect(path);
    if (uid !== undefined && object.metadata.uid !== uid) throw new MeshError('conflict', `${path} is another`);
    this.calls.push(`remove ${path}`);
    this.#version++;
    this.#objects.delete(path);
    this.#tell(path, 'DELETED', object);
  }

  watch(path: string, query: Record<string, string>, { signal, onEvent }: WatchOptions): Promise<void> {
    this.#check();
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = { path, selection: query, onEvent, end: resolve };
    this.#watchers.add(watcher);
    const from = Number(query['resourceVersion'] ?? this.#version);
    for (const past of this.#events)
      if (past.version > from && concerns(watcher, past.path, past.event)) onEvent(past.event);
    signal.addEventListener('abort', () => resolve(), { once: true });
    return promise.finally(() => this.#watchers.delete(watcher));
  }

  #check(): void {
    if (this.failure !== null) throw this.failure;
  }

  #expect(path: string): ClusterObject {
    const object = this.#objects.get(path);
    if (object === undefined) throw new MeshError('not_found', `there is no ${path}`, { facts: { status: 404 } });
    return object;
  }

  #store(path: string, object: ClusterObject): ClusterObject {
    const [, namespace] = /\/namespaces\/([^/]+)\/[^/]+\/[^/]+$/.exec(path) ?? [];
    const isNew = !this.#objects.has(path);
    const own = namespace === undefined ? {} : { namespace };
    const metadata = { uid: `uid-${path}`, ...own, ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = structuredClone({ ...object, metadata });
    this.#objects.set(path, stored);
    this.#tell(path, isNew ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  #tell(path: string, type: string, object: ClusterObject): void {
    const event = { type, object };
    this.#events.push({ version: this.#version, path, event });
    for (const watcher of this.#watchers) if (concerns(watcher, path, event)) watcher.onEvent(event);
  }
}

function concerns({ path, selection }: Watcher, at: string, { object }: WatchEvent): boolean {
  return isIn(path, at) && selects(selection, object as ClusterObject);
}

/** `/api/v1/configmaps` has those of every namespace. */
function isIn(collection: string, path: string): boolean {
  const parent = path.slice(0, path.lastIndexOf('/'));
  return parent === collection || parent.replace(/\/namespaces\/[^/]+(?=\/)/, '') === collection;
}

function selects({ fieldSelector, labelSelector }: Selection, { metadata }: ClusterObject): boolean {
  const name = /^metadata\.name=(.*)$/.exec(fieldSelector ?? '')?.[1];
  const [label = '', value] = (labelSelector ?? '').split('=');
  return (name === undefined || metadata.name === name) && (label === '' || metadata.labels?.[label] === value);
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as object) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

type Operation = Readonly<{ op: string; path: string; value?: unknown }>;

/** `test`, `add` and `replace` of members; that is what is used. */
function applyOperation(document: unknown, { op, path, value }: Operation): unknown {
  const copy = structuredClone(document);
  const names = path
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = names.pop() ?? '';
  const parent = names.reduce((at, name) => (at as Record<string, unknown>)[name], copy) as Record<string, unknown>;
  if (op === 'test' && parent[last] !== value)
    throw new MeshError('protocol', `test of ${path} failed`, { facts: { status: 422 } });
  if (op !== 'test') parent[last] = value;
  return copy;
}
