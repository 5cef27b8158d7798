/** Clients that call again and again until they are stopped, each in its own way, and count what did not succeed. */
import { Agent, request } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';

type Call = () => Promise<void>;

/** Callers of one kind. */
export class Callers {
  /** What went wrong, and how often. */
  readonly failures = new Map<string, number>();
  ok = 0;
  #isStopped = false;
  readonly #running: Promise<void>[];
  readonly #end: () => void;

  constructor(call: Call, { callers = 4, end = () => {} }: { callers?: number; end?: () => void } = {}) {
    this.#running = Array.from({ length: callers }, () => this.#run(call));
    this.#end = end;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    this.#end();
  }

  async #run(call: Call): Promise<void> {
    while (!this.#isStopped) {
      try {
        await call();
        this.ok++;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
      }
    }
  }
}

/** HTTP/1.1; `keepAlive`: over a few connections, else over a new one each time. */
export function http1Callers(port: number, keepAlive: boolean): Callers {
  const agent = new Agent({ keepAlive, maxSockets: 4 });
  return new Callers(() => callHttp1(port, agent), { end: () => agent.destroy() });
}

function callHttp1(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path: '/fast', agent }, (response) => {
      response.on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
      response.resume();
    });
    call.on('error', reject);
    call.end();
  });
}

/** HTTP/2: calls share a connection until they are told to go elsewhere. */
export function http2Callers(port: number): Callers {
  let session: ClientHttp2Session | null = null;
  const call: Call = () => {
    if (session === null || session.closed || session.destroyed)
      session = connectHttp2(`http://127.0.0.1:${port}`).on('error', () => undefined);
    return callHttp2(session);
  };
  return new Callers(call, { end: () => session?.destroy() });
}

function callHttp2(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/fast' });
    let status = 0;
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('error', reject);
    stream.on('end', () => (status === 200 ? resolve() : reject(new Error(`${status}`))));
    stream.resume();
    stream.end();
  });
}
