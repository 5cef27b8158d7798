/** What tests of worker threads need: connections that stay, an application that answers when told to, and a way to end a worker. */
import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';

export type Answer = Readonly<{ status: number; body: string; flags: string }>;

/** A client with one connection of its own. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects if the connection is lost before the answer. */
  get(path = '/'): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const call = request({ port: this.#port, host: '127.0.0.1', path, agent: this.#agent }, (response) => {
        const flags = response.headers['x-envoy-overloaded'] === undefined ? '' : 'overloaded';
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body, flags }), reject);
      });
      call.on('error', reject).end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** An application that fails at `/fail`, holds `/hold` until `release`, and knows by how many connections it was asked. */
export class HoldingApp {
  readonly held: ServerResponse[] = [];
  readonly connections = new Set<number>();
  requests = 0;
  status = 200;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer({ keepAliveTimeout: 60_000 }, ({ url, socket }, response) => {
      this.requests++;
      this.connections.add(socket.remotePort ?? 0);
      response.statusCode = this.status;
      if (url === '/hold') this.held.push(response);
      else response.end('ok');
    });
  }

  static async start(): Promise<HoldingApp> {
    const app = new HoldingApp();
    await new Promise<void>((done) => app.#server.listen(0, '127.0.0.1', done));
    return app;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers all that is held. */
  release(): void {
    for (const response of this.held.splice(0)) response.end('held');
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

type Message = Readonly<{ method?: string; params?: Readonly<Record<string, unknown>> }>;

/**
 * Ends worker threads of a process that was started with `--inspect`, from outside, as a debugger: nothing in the sidecar is made for
 * it.
 */
export class Debugger {
  readonly #socket: WebSocket;
  /** Sessions of workers by their title, the newest. */
  readonly #workers = new Map<string, string>();
  #id = 0;

  private constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Message));
  }

  /** `stderr`: of the process, which says where its inspector listens. */
  static async attach(stderr: () => string): Promise<Debugger> {
    const url = await eventually(() => /ws:\/\/\S+/.exec(stderr())?.[0] ?? false);
    const attached = new Debugger(url);
    await new Promise((done, fail) => {
      attached.#socket.addEventListener('open', done);
      attached.#socket.addEventListener('error', fail);
    });
    attached.#send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return attached;
  }

  /** Runs code in the worker of this name that was started last. */
  async runIn(worker: string, expression: string): Promise<void> {
    const sessionId = await eventually(
      () => [...this.#workers].find(([title]) => title.includes(worker))?.[1] ?? false,
    );
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } });
    this.#send('NodeWorker.sendMessageToWorker', { sessionId, message });
  }

  close(): void {
    this.#socket.close();
  }

  #take({ method, params = {} }: Message): void {
    const { sessionId, workerInfo } = params;
    if (method === 'NodeWorker.detachedFromWorker')
      for (const [title, session] of this.#workers) if (session === sessionId) this.#workers.delete(title);
    if (method !== 'NodeWorker.attachedToWorker') return;
    const title = String(Reflect.get(Object(workerInfo) as object, 'title'));
    this.#workers.set(title, String(sessionId));
  }

  #send(method: string, params: object): void {
    this.#socket.send(JSON.stringify({ id: ++this.#id, method, params }));
  }
}

/** Sums of an admin port's metrics: all samples of this name. */
export async function metric(adminPort: number, name: string): Promise<number> {
  const body = await (await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`)).text();
  return body
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
