import { createServer } from '#shared/runtime/node-http.ts';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';

/** `/metrics` on a port of its own: who scrapes need not reach the admin API. */
export async function startMonitoring(
  { host, port }: HostPort,
  metrics: () => Promise<string>,
): Promise<Readonly<{ host: string; port: number; close: () => Promise<void> }>> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== '/metrics') return void response.writeHead(404).end(`there is only /metrics\n`);
    metrics().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
      (error: unknown) => response.writeHead(500).end(`${describeError(error)}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new MeshError('io', `--monitoring ${host}:${port} cannot listen`, { cause })),
    );
    server.listen({ host, port }, resolve);
  });
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
