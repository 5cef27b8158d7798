/**
 * Requests to an API server over connections of our own: the library's `fetch` opens a new pool for each request, and its watch parses
 * lines in silence and ends after 30 s without a word.
 */
import { Agent, request } from 'node:https';
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { LineSplitter } from './line-splitter.ts';

export type Answer = Readonly<{ status: number; body: string }>;

/** What is told of a watch; nothing after `ended`. */
export type WatchListener = Readonly<{
  opened: () => void;
  line: (text: string) => void;
  /** `null`: the server ended it, having answered with 200. */
  ended: (error: Error | null, status: number) => void;
}>;

/** What an API server is asked by, so that tests answer themselves. */
export interface KubernetesRequests {
  /** Throws a MeshError `unavailable` when there is no answer. */
  get(path: string, accept: string, signal: AbortSignal): Promise<Answer>;
  /** Ends when aborted, of which the listener is not told. */
  watch(path: string, accept: string, listener: WatchListener): () => void;
}

/** The kernel asks a silent peer after this time, and gives it up ten seconds later. */
const keepAliveMs = 15_000;
/** For the head of an answer. */
const headTimeoutMs = 15_000;
/** For a page of a list. */
const bodyTimeoutMs = 60_000;
const watchMaxBytes = 64 * 1024 * 1024;

export class HttpsRequests implements KubernetesRequests {
  readonly #config: KubeConfig;
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: keepAliveMs, maxFreeSockets: 4 });

  constructor(config: KubeConfig) {
    this.#config = config;
  }

  async get(path: string, accept: string, signal: AbortSignal): Promise<Answer> {
    const whole = AbortSignal.any([signal, AbortSignal.timeout(bodyTimeoutMs)]);
    try {
      const response = await this.#send(path, accept, whole);
      response.setEncoding('utf8');
      const parts: string[] = [];
      for await (const part of response) parts.push(String(part));
      return { status: response.statusCode ?? 0, body: parts.join('') };
    } catch (cause) {
      throw new MeshError('unavailable', `no answer from the API server to ${pathOnly(path)}`, { cause });
    }
  }

  watch(path: string, accept: string, listener: WatchListener): () => void {
    const controller = new AbortController();
    const { signal } = controller;
    let isOver = false;
    const end = (error: Error | null, status: number) => {
      if (isOver) return;
      isOver = true;
      controller.abort();
      listener.ended(error, status);
    };
    this.#send(path, accept, signal).then(
      (response) => this.#follow(response, { ...listener, ended: end }, () => isOver),
      (error: unknown) => end(toError(error), 0),
    );
    return () => {
      isOver = true;
      controller.abort();
    };
  }

  /** Ends idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  #follow(response: IncomingMessage, listener: WatchListener, isOver: () => boolean): void {
    const status = response.statusCode ?? 0;
    const lines = new LineSplitter(watchMaxBytes);
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      try {
        for (const line of lines.push(chunk)) {
          if (isOver()) return;
          listener.line(line);
        }
      } catch (error) {
        listener.ended(toError(error), status);
      }
    });
    response.on('end', () => listener.ended(null, status));
    response.on('error', (error) => listener.ended(error, status));
    response.on('close', () => listener.ended(new MeshError('connection_reset', 'the connection was cut'), status));
    if (status === 200) listener.opened();
  }

  async #send(path: string, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
    const server = this.#config.getCurrentCluster()?.server ?? '';
    const options: RequestOptions = { headers: { accept, 'user-agent': 'tulle' } };
    await this.#config.applyToHTTPSOptions(options);
    // A proxy's agent is the library's; every other makes connections of its own, which are not kept alive.
    if (this.#config.getCurrentCluster()?.proxyUrl === undefined) options.agent = this.#agent;
    return new Promise((resolve, reject) => {
      const sent = request(new URL(server + path), { ...options, signal }, (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      const late = () => sent.destroy(new MeshError('timeout', `no answer within ${headTimeoutMs} ms`));
      const timer = setTimeout(late, headTimeoutMs);
      sent.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
      sent.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      sent.end();
    });
  }
}

const pathOnly = (path: string) => path.split('?')[0] ?? path;
const toError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));
