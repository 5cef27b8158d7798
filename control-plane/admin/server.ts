import { timingSafeEqual, randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '#shared/runtime/node-http.ts';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import { writePrivateFile } from '#shared/x509/private-file.ts';
import type { AdminBackend } from './api.ts';
import { answer } from './routes.ts';

const maxBodyBytes = 4 * 1024 * 1024;

export type AdminSettings = Readonly<{ host: string; port: number; dataDir: string }>;

/** A running admin API. */
export type AdminServer = Readonly<{ host: string; port: number; socketPath: string; close: () => Promise<void> }>;

/** Serves the API on loopback TCP (reading, or changes with the key) and on the unix socket (everything). */
export async function startAdminServer(backend: AdminBackend, settings: AdminSettings): Promise<AdminServer> {
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
  const key = randomBytes(32).toString('base64url');
  await writePrivateFile(join(settings.dataDir, 'admin.key'), key);
  const socketPath = join(settings.dataDir, 'admin.sock');
  await rm(socketPath, { force: true });
  const tcp = createServer((request, response) => void serve(backend, request, response, hasKey(request, key)));
  const unix = createServer((request, response) => void serve(backend, request, response, true));
  await listen(tcp, { host: settings.host, port: settings.port });
  const mask = process.umask(0o177);
  try {
    await listen(unix, { path: socketPath });
  } finally {
    process.umask(mask);
  }
  await chmod(socketPath, 0o600);
  const { port } = tcp.address() as AddressInfo;
  return {
    host: settings.host,
    port,
    socketPath,
    close: async () => {
      await Promise.all([stop(tcp), stop(unix)]);
      await rm(socketPath, { force: true });
    },
  };
}

function hasKey(request: IncomingMessage, key: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${key}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A browser page of another origin must not reach the API by a rebound name: only names of this host are answered. */
function isLocalName(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  return (
    name === '' || name === 'localhost' || name.endsWith('.localhost') || /^[\d.]+$/.test(name) || name.startsWith('[')
  );
}

async function serve(
  backend: AdminBackend,
  request: IncomingMessage,
  response: ServerResponse,
  mayChange: boolean,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isAllowed = mayChange || isLocalName(request.headers.host);
    const result = isAllowed
      ? await answer(backend, {
          method: request.method ?? 'GET',
          path: url.pathname,
          query: url.searchParams,
          body: await readBody(request),
          mayChange,
        })
      : { status: 421, body: { title: 'this host name is not served here', status: 421 } };
    send(response, result.status, result.body, 'contentType' in result ? result.contentType : undefined);
  } catch (error) {
    const status =
      error instanceof MeshError && error.code === 'resource_exhausted'
        ? 413
        : error instanceof SyntaxError || error instanceof URIError
          ? 400
          : 500;
    send(response, status, { title: describeError(error), status });
  }
}

function send(response: ServerResponse, status: number, body: unknown, contentType = 'application/json'): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // What is too long is read to its end and dropped: who still writes would not read the answer.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  if (bytes > maxBodyBytes) throw new MeshError('resource_exhausted', `the body is over ${maxBodyBytes} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

function listen(server: Server, options: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const where = 'path' in options ? options.path : `${options.host}:${options.port}`;
      reject(new MeshError('io', `the admin API cannot listen on ${where}`, { cause: error }));
    });
    server.listen(options, resolve);
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
