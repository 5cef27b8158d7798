/**
 * Calls to a Kubernetes API server by path, JSON in and JSON out. The library's own clients turn times into Dates and drop what
 * their types do not know, which would damage an object that is written back; they also know no `/status`. So only their
 * connection, credentials and plugins are used, and objects stay what the server sent.
 */
import {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  RequestContext,
  Watch,
  type KubeConfig,
} from '@kubernetes/client-node';
import { describeError, MeshError, type MeshErrorCode } from '../runtime/mesh-error.ts';

/** An object as the API server has it. */
export type ClusterObject = Readonly<{
  apiVersion?: string;
  kind?: string;
  metadata: Readonly<{
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Readonly<Record<string, string>>;
    annotations?: Readonly<Record<string, string>>;
    deletionTimestamp?: string;
    ownerReferences?: readonly Readonly<{ uid: string; kind: string; name: string; controller?: boolean }>[];
  }>;
}> &
  Readonly<Record<string, unknown>>;

export type ClusterList = Readonly<{ items: readonly ClusterObject[]; resourceVersion: string }>;

/** One event of a watch; `ERROR` carries a Status. */
export type WatchEvent = Readonly<{ type: string; object: unknown }>;

/** Restricts lists and watches; `fieldSelector: 'metadata.name=x'` is one object. */
export type Selection = Readonly<{ fieldSelector?: string; labelSelector?: string }>;

/** The bodies that change an object: `merge` is a JSON merge patch (RFC 7386), `json` a JSON patch (RFC 6902). */
export type PatchBody =
  | Readonly<{ kind: 'merge'; patch: object }>
  | Readonly<{ kind: 'json'; patch: readonly Readonly<{ op: string; path: string; value?: unknown }>[] }>;

/**
 * The calls. All throw a MeshError with `facts.status`: `not_found` 404, `conflict` 409, `permission` 401 and 403, `unavailable`
 * when the server is not reached, is overloaded or fails, `timeout`, and `protocol` for what it refuses else.
 */
export interface ClusterApi {
  /** The minor version of the server (29 for 1.29). */
  serverMinor(): Promise<number>;
  /** Null where there is no such object. */
  read(path: string): Promise<ClusterObject | null>;
  list(path: string, selection?: Selection): Promise<ClusterList>;
  create(path: string, object: object): Promise<ClusterObject>;
  /** `metadata.resourceVersion` in the object makes it a condition. */
  replace(path: string, object: object): Promise<ClusterObject>;
  patch(path: string, body: PatchBody): Promise<ClusterObject>;
  /** With `uid`: only this very object. */
  remove(path: string, uid?: string): Promise<void>;
  /** Ends when the server ends it or `signal` does; throws like the others. */
  watch(path: string, query: Record<string, string>, options: WatchOptions): Promise<void>;
}

/** What an administrator does besides, and no controller. */
export interface AdminApi extends ClusterApi {
  /** The body of whatever a path answers: versions, discovery, logs, what a proxied pod says. */
  text(path: string): Promise<string>;
  /**
   * Server-side apply: fields that we applied before and that are not there any more go. Throws `conflict` where another manager owns a
   * field with another value, unless it is taken from it by `force`.
   */
  apply(path: string, object: object, options: Readonly<{ force: boolean }>): Promise<ClusterObject>;
}

export type WatchOptions = Readonly<{ signal: AbortSignal; onEvent: (event: WatchEvent) => void }>;

const timeoutMs = 10_000;
/** Client certificates and authorities of a kubeconfig may change on disk. */
const connectionLifeMs = 600_000;
const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json' } as const;
/** JSON is YAML. */
const applyType = 'application/apply-patch+yaml';

/** Calls through a connection of the library. */
export function clusterApi(config: KubeConfig): AdminApi {
  const calls = new Calls(config);
  return {
    serverMinor: async () => minorOf(await calls.call(HttpMethod.GET, '/version')),
    read: async (path) => {
      try {
        return toObject(await calls.call(HttpMethod.GET, path));
      } catch (error) {
        if (error instanceof MeshError && error.code === 'not_found') return null;
        throw error;
      }
    },
    list: async (path, selection = {}) => toList(await calls.call(HttpMethod.GET, withQuery(path, selection))),
    create: async (path, object) => toObject(await calls.call(HttpMethod.POST, path, { body: object })),
    replace: async (path, object) => toObject(await calls.call(HttpMethod.PUT, path, { body: object })),
    patch: async (path, { kind, patch }) =>
      toObject(await calls.call(HttpMethod.PATCH, path, { body: patch, type: patchTypes[kind] })),
    remove: async (path, uid) => {
      await calls.call(HttpMethod.DELETE, path, { body: uid === undefined ? {} : { preconditions: { uid } } });
    },
    watch: (path, query, options) => watchPath(config, { path, query }, options),
    text: (path) => calls.text(HttpMethod.GET, path),
    apply: async (path, object, { force }) =>
      toObject(await calls.call(HttpMethod.PATCH, `${path}?force=${force}`, { body: object, type: applyType })),
  };
}

/** `field manager` of what we write. */
const fieldManager = 'tulle';

type Content = Readonly<{ body?: object; type?: string }>;

class Calls {
  readonly #config: KubeConfig;
  readonly #http = new IsomorphicFetchHttpLibrary();
  /** The library makes a dispatcher a call; one is kept, so that connections are used again. */
  #dispatcher: Readonly<{ value: ReturnType<RequestContext['getDispatcher']>; untilMs: number }> | null = null;

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  async call(method: HttpMethod, path: string, content: Content = {}): Promise<unknown> {
    const text = await this.text(method, path, content);
    return text === '' ? null : (JSON.parse(text) as unknown);
  }

  async text(method: HttpMethod, path: string, { body, type = 'application/json' }: Content = {}): Promise<string> {
    const server = this.#config.getCurrentCluster()?.server ?? '';
    const context = new RequestContext(server.replace(/\/$/, '') + path, method);
    context.setHeaderParam('Accept', 'application/json, */*');
    if (body !== undefined) {
      context.setHeaderParam('Content-Type', type);
      context.setBody(JSON.stringify(body));
    }
    if (method !== HttpMethod.GET && method !== HttpMethod.DELETE) context.setQueryParam('fieldManager', fieldManager);
    context.setSignal(AbortSignal.timeout(timeoutMs));
    try {
      await this.#connect(context);
      const response = await this.#http.send(context).toPromise();
      const text = await response.body.text();
      if (response.httpStatusCode < 300) return text;
      throw refusal(`${method} ${path}`, response.httpStatusCode, text);
    } catch (error) {
      if (error instanceof MeshError) throw error;
      const code = error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'unavailable';
      throw new MeshError(code, `${method} ${path}: ${describeError(error)}`, { cause: error });
    }
  }

  async #connect(context: RequestContext): Promise<void> {
    await this.#config.applySecurityAuthentication(context);
    const now = performance.now();
    if (this.#dispatcher === null || now > this.#dispatcher.untilMs) {
      this.#dispatcher = { value: context.getDispatcher(), untilMs: now + connectionLifeMs };
    }
    if (this.#dispatcher.value !== undefined) context.setDispatcher(this.#dispatcher.value);
  }
}

function refusal(call: string, status: number, text: string): MeshError {
  const message = statusMessage(text);
  return new MeshError(codeOf(status), `${call}: ${status}${message === '' ? '' : ` ${message}`}`, {
    facts: { status },
  });
}

function codeOf(status: number): MeshErrorCode {
  if (status === 404) return 'not_found';
  if (status === 409) return 'conflict';
  if (status === 401 || status === 403) return 'permission';
  return status === 429 || status >= 500 ? 'unavailable' : 'protocol';
}

function statusMessage(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return text.slice(0, 200);
  }
}

async function watchPath(
  config: KubeConfig,
  { path, query }: Readonly<{ path: string; query: Record<string, string> }>,
  { signal, onEvent }: WatchOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const controller = await new Watch(config).watch(
    path,
    query,
    (type, object: unknown) => onEvent({ type, object }),
    (error: unknown) => (error === null || error === undefined ? resolve() : reject(watchError(path, error))),
  );
  const abort = () => {
    controller.abort();
    resolve();
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function watchError(path: string, error: unknown): MeshError {
  // The library gives the status of a refusal in this member.
  const { statusCode: status, name } = error as { statusCode?: unknown; name?: unknown };
  // Half a minute without an event: it ends the watch then.
  const silent = name === 'TimeoutError' ? 'timeout' : 'unavailable';
  const code = typeof status === 'number' ? codeOf(status) : silent;
  const facts = typeof status === 'number' ? { status } : {};
  return new MeshError(code, `watch ${path}: ${describeError(error)}`, { cause: error, facts });
}

function withQuery(path: string, selection: Selection): string {
  const query = new URLSearchParams(selection).toString();
  return query === '' ? path : `${path}?${query}`;
}

/** `{"major": "1", "minor": "29+"}`: clouds append to it. */
function minorOf(version: unknown): number {
  const minor = Number.parseInt((version as { minor?: string } | null)?.minor ?? '', 10);
  if (Number.isNaN(minor)) throw new MeshError('protocol', 'the API server tells no version');
  return minor;
}

/** The server is trusted to send objects with metadata, as its API says. */
function toObject(value: unknown): ClusterObject {
  const object = value as ClusterObject;
  if (typeof object?.metadata !== 'object') throw new MeshError('protocol', 'the API server sent no object');
  return object;
}

function toList(value: unknown): ClusterList {
  const { items, metadata } = value as { items?: unknown; metadata?: { resourceVersion?: string } };
  if (!Array.isArray(items)) throw new MeshError('protocol', 'the API server sent no list');
  return { items: items as ClusterObject[], resourceVersion: metadata?.resourceVersion ?? '' };
}
