/**
 * How a test reaches the node from outside of its network: HTTP on a Unix socket, which belongs to no network namespace.
 *
 *   CONNECT 10.244.0.5:8080                               a connection from the node
 *   POST /start   {"token", "port"}                       the kubelet begins its work
 *   POST /pods    pod as JSON                             a static pod, with native sidecars
 *   POST /exec    {"namespace","pod","container","command","timeoutMs"}   -> {"code","output"}
 *   GET  /logs?namespace=&pod=&container=                 what a container printed
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { once } from 'node:events';
import type { Kubelet } from './kubelet.ts';
import type { Pod } from './objects.ts';

export type StartRequest = Readonly<{ token: string; port: number }>;
export type ExecRequest = Readonly<{
  namespace: string;
  pod: string;
  container: string;
  command: readonly string[];
  timeoutMs: number;
}>;

type Handler = (request: IncomingMessage, url: URL) => Promise<unknown>;

export class Control {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #kubelet: Kubelet | undefined;

  constructor(start: (request: StartRequest) => Promise<Kubelet>) {
    const running = () => {
      if (this.#kubelet === undefined) throw new Error('not started');
      return this.#kubelet;
    };
    const routes: Readonly<Record<string, Handler>> = {
      'POST /start': async (request) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own test is at the other end
        this.#kubelet = await start((await json(request)) as StartRequest);
        return {};
      },
      'POST /pods': async (request) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own test is at the other end
        await running().runStatic((await json(request)) as Pod);
        return {};
      },
      'POST /exec': async (request) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own test is at the other end
        return execute(running(), (await json(request)) as ExecRequest);
      },
      'GET /logs': async (_, { searchParams }) => {
        const of = (name: string) => searchParams.get(name) ?? '';
        const file = running().runner(of('namespace'), of('pod'))?.logFile(of('container'));
        return { log: file === undefined ? '' : await readFile(file, 'utf8').catch(() => '') };
      },
    };
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://node');
      const handler = routes[`${request.method} ${url.pathname}`];
      const answer =
        handler === undefined
          ? Promise.reject(new Error(`no ${request.method} ${url.pathname}`))
          : handler(request, url);
      answer.then(
        (value) => response.end(JSON.stringify(value)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    this.#server.on('connect', (request, socket: Socket, head) => this.#connect(request.url ?? '', socket, head));
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(target: string, client: Socket, head: Buffer): void {
    const [host = '', port = ''] = target.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client);
      client.pipe(upstream);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

async function execute(
  kubelet: Kubelet,
  { namespace, pod, container, command, timeoutMs }: ExecRequest,
): Promise<unknown> {
  const process = kubelet.runner(namespace, pod)?.process(container);
  if (process === undefined) throw new Error(`${namespace}/${pod}: container ${container} does not run`);
  return process.exec(command, timeoutMs);
}
