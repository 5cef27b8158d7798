/** Applications that tell what they saw. */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** What an application saw of a request; it answers with it. */
export type Seen = Readonly<{
  workload: string;
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}>;

/** An HTTP application. `/slow` takes a second, `/flaky` fails every other time. */
export class EchoApp {
  readonly seen: Seen[] = [];
  readonly #server: HttpServer;
  #isFailing = false;

  constructor(workload: string) {
    this.#server = createHttpServer((request, response) => {
      const seen = { workload, path: request.url ?? '', headers: request.headers };
      this.seen.push(seen);
      if (seen.path.startsWith('/flaky')) this.#isFailing = !this.#isFailing;
      const status = seen.path.startsWith('/flaky') && this.#isFailing ? 503 : 200;
      const answer = () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
      if (seen.path.startsWith('/slow')) setTimeout(answer, 1000);
      else answer();
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A TCP server that sends back what it gets. */
export async function startTcpEcho(): Promise<Readonly<{ port: number; server: Server }>> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { port: (server.address() as AddressInfo).port, server };
}
