/** An API server in memory, for tests: objects by path, watches that are told, answers that can be made to fail. */
import type { Answer, KubernetesRequests, WatchListener } from './requests.ts';

type FakeObject = Readonly<{
  metadata: Readonly<{ name: string; namespace?: string; resourceVersion?: string }> &
    Readonly<Record<string, unknown>>;
}> &
  Readonly<Record<string, unknown>>;
type Watching = { path: string; listener: WatchListener };

/** Versions of groups with their kinds: `v1: {pods: 'Pod'}`. */
type Served = Record<string, Record<string, string>>;

const core = { services: 'Service', pods: 'Pod', nodes: 'Node', namespaces: 'Namespace' };

export class FakeServer implements KubernetesRequests {
  served: Served = { v1: core, 'discovery.k8s.io/v1beta1': { endpointslices: 'EndpointSlice' } };
  /** `PLURAL/NAMESPACE/NAME` -> object. */
  readonly objects = new Map<string, FakeObject>();
  readonly watches = new Set<Watching>();
  readonly paths: string[] = [];
  /** Answers in place of a list's, by the beginning of the path. */
  failing: { path: string; status: number } | null = null;
  #version = 100;

  get(path: string): Promise<Answer> {
    this.paths.push(path);
    const [place = ''] = path.split('?');
    if (this.failing !== null && path.startsWith(this.failing.path))
      return Promise.resolve({ status: this.failing.status, body: '{"message":"failing"}' });
    const body = this.#discover(place) ?? this.#list(place);
    return Promise.resolve(body === null ? { status: 404, body: '{}' } : { status: 200, body: JSON.stringify(body) });
  }

  watch(path: string, _accept: string, listener: WatchListener): () => void {
    this.paths.push(path);
    const watching = { path: path.split('?')[0] ?? '', listener };
    this.watches.add(watching);
    const { failing } = this;
    queueMicrotask(() => {
      if (!this.watches.has(watching)) return;
      if (failing === null || !path.startsWith(failing.path)) return listener.opened();
      this.watches.delete(watching);
      listener.ended(null, failing.status);
    });
    return () => this.watches.delete(watching);
  }

  /** Creates or replaces an object, and tells who watches it. */
  put(plural: string, object: FakeObject): void {
    const resourceVersion = String(++this.#version);
    const whole = { ...object, metadata: { ...object.metadata, resourceVersion } };
    const type = this.objects.has(keyOf(plural, object)) ? 'MODIFIED' : 'ADDED';
    this.objects.set(keyOf(plural, object), whole);
    this.#tell(plural, type, whole);
  }

  delete(plural: string, name: string, namespace = ''): void {
    const key = `${plural}/${namespace}/${name}`;
    const object = this.objects.get(key);
    if (object === undefined) throw new Error(`there is no ${key}`);
    this.objects.delete(key);
    this.#tell(plural, 'DELETED', {
      ...object,
      metadata: { ...object.metadata, resourceVersion: `${++this.#version}` },
    });
  }

  /** Ends every watch of a kind. */
  cut(plural: string, error: Error | null, status = 200): void {
    for (const watching of this.watching(plural)) {
      this.watches.delete(watching);
      watching.listener.ended(error, status);
    }
  }

  watching(plural: string): readonly Watching[] {
    return [...this.watches].filter(({ path }) => path.endsWith(`/${plural}`));
  }

  #tell(plural: string, type: string, object: FakeObject): void {
    for (const { path, listener } of this.watching(plural)) {
      const namespace = /\/namespaces\/([^/]+)\//.exec(path)?.[1];
      if (namespace === undefined || namespace === object.metadata.namespace)
        listener.line(JSON.stringify({ type, object }));
    }
  }

  #discover(path: string): object | null {
    if (path === '/apis') {
      const versions = Object.keys(this.served).filter((version) => version.includes('/'));
      const groups = Map.groupBy(versions, (version) => version.slice(0, version.indexOf('/')));
      return {
        groups: [...groups].map(([name, all]) => ({ name, versions: all.map((groupVersion) => ({ groupVersion })) })),
      };
    }
    const resources = this.served[path.replace(/^\/apis?\//, '')];
    if (resources === undefined) return null;
    return { resources: Object.entries(resources).map(([name, kind]) => ({ name, kind })) };
  }

  #list(path: string): object | null {
    const {
      version = '',
      namespace,
      plural = '',
    } = /^\/apis?\/(?<version>.+?)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)$/.exec(path)?.groups ?? {};
    if (this.served[version]?.[plural] === undefined) return null;
    const items = [...this.objects].filter(([key]) =>
      key.startsWith(namespace === undefined ? `${plural}/` : `${plural}/${namespace}/`),
    );
    return { metadata: { resourceVersion: String(this.#version) }, items: items.map(([, object]) => object) };
  }
}

const keyOf = (plural: string, { metadata }: FakeObject) => `${plural}/${metadata.namespace ?? ''}/${metadata.name}`;
