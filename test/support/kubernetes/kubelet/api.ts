/** A small client of the API server: JSON in and out, and lists that are kept up to date by watching. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnyObject, keyOf } from './objects.ts';

/** An answer of the API server that is not a 2xx. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, what: string, body: string) {
    super(`${what}: ${status} ${body.slice(0, 500)}`);
    this.status = status;
  }
}

export type Access = Readonly<{ host: string; port: number; token: string }>;
type List<T> = Readonly<{ metadata: { resourceVersion: string }; items?: readonly T[] }>;
type WatchEvent<T> = Readonly<{ type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR' | 'BOOKMARK'; object: T }>;
type Call = Readonly<{ method: string; path: string; body?: unknown; type?: string; signal?: AbortSignal }>;

/** Calls as the one who has the token. The certificate of the server is not looked at: it is on our own loopback. */
export class Api {
  readonly #access: Access;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 20 });
  /** Watches do not wait for calls, nor calls for them. */
  readonly #watchers = new Agent({ rejectUnauthorized: false });

  constructor(access: Access) {
    this.#access = access;
  }

  close(): void {
    this.#agent.destroy();
    this.#watchers.destroy();
  }

  get<T>(path: string): Promise<T> {
    return this.#json({ method: 'GET', path });
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.#json({ method: 'POST', path, body });
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#json({ method: 'PUT', path, body });
  }

  merge<T>(path: string, body: unknown): Promise<T> {
    return this.#json({ method: 'PATCH', path, body, type: 'application/merge-patch+json' });
  }

  delete<T>(path: string, body?: unknown): Promise<T> {
    return this.#json({ method: 'DELETE', path, body });
  }

  /** One watch from a version on, until the server or the signal ends it. */
  async watch<T>(
    path: string,
    version: string,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#send(
      { method: 'GET', path: `${path}?watch=1&resourceVersion=${version}`, signal },
      this.#watchers,
    );
    if (response.statusCode !== 200)
      throw new ApiError(response.statusCode ?? 0, `watch ${path}`, await text(response));
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API server sends
      for (const line of lines) onEvent(JSON.parse(line) as WatchEvent<T>);
    }
  }

  async #json<T>(call: Call): Promise<T> {
    const response = await this.#send(call, this.#agent);
    const body = await text(response);
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new ApiError(status, `${call.method} ${call.path}`, body);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API server sends
    return JSON.parse(body) as T;
  }

  #send({ method, path, body, type = 'application/json', signal }: Call, agent: Agent): Promise<IncomingMessage> {
    const { host, port, token } = this.#access;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      ...(payload === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(payload) }),
    };
    return new Promise((resolve, reject) => {
      const call = request(
        { host, port, method, path, headers, agent, ...(signal === undefined ? {} : { signal }) },
        resolve,
      );
      call.on('error', reject);
      call.end(payload);
    });
  }
}

/** Whether a call failed because the object is not there. */
export const isMissing = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** All objects of a kind, kept up to date: `onChange` after each change, with the object that is new or (gone: true) no more there. */
export class Store<T extends AnyObject> {
  readonly #api: Api;
  readonly #path: string;
  readonly #onChange: (object: T, gone: boolean) => void;
  readonly #objects = new Map<string, T>();
  readonly #abort = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(api: Api, path: string, onChange: (object: T, gone: boolean) => void = () => undefined) {
    this.#api = api;
    this.#path = path;
    this.#onChange = onChange;
  }

  /** Returns when the first list is there. */
  async start(): Promise<void> {
    const version = await this.#list();
    this.#loop = this.#follow(version);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  async #follow(first: string): Promise<void> {
    const { signal } = this.#abort;
    let version = first;
    while (!signal.aborted) {
      try {
        await this.#api.watch<T>(
          this.#path,
          version,
          ({ type, object }) => {
            if (type === 'ERROR') throw new Error(JSON.stringify(object));
            version = object.metadata?.resourceVersion ?? version;
            if (type !== 'BOOKMARK') this.#take(object, type === 'DELETED');
          },
          signal,
        );
      } catch {
        if (signal.aborted) return;
        await sleep(200);
        version = await this.#list().catch(() => version);
      }
    }
  }

  async #list(): Promise<string> {
    const { metadata, items = [] } = await this.#api.get<List<T>>(this.#path);
    const present = new Set(items.map(keyOf));
    for (const [key, object] of this.#objects) if (!present.has(key)) this.#take(object, true);
    for (const object of items) this.#take(object, false);
    return metadata.resourceVersion;
  }

  #take(object: T, gone: boolean): void {
    if (gone) this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), object);
    this.#onChange(object, gone);
  }
}
