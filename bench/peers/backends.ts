/** What stands behind the proxies: what the load is for. One of each kind at most, started when the first scenario needs it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ServerCommand } from '../processes/server-process.ts';
import { nginxMain } from './nginx-config.ts';
import { maxStreams } from './pair.ts';

/** `http`: nginx over HTTP/1.1; `grpc`: nghttpd, as gRPC-like as a file with trailers can be; `grpcStreams`: grpc-js; `tcp`: iperf3. */
export type BackendKind = 'http' | 'grpc' | 'grpcStreams' | 'tcp';

/** The tool that each needs. */
export const backendTool: Readonly<Record<BackendKind, string | null>> = {
  http: 'nginx',
  grpc: 'nghttpd',
  grpcStreams: null,
  tcp: 'iperf3',
};

/** Paths of the HTTP backend by the octets of their answers' bodies; the answer of `/` has 128. */
export const bodyPaths = { 0: '/0b', 128: '/', 1024: '/1kb', 65536: '/64kb' } as const;

/** Path and sizes of the unary call. */
export const unary = { path: '/pkg.Service/Method', requestBytes: 32, answerBytes: 64 } as const;

/** Writes what a backend needs and says how to start it. */
export function backendCommand(kind: BackendKind, folder: string, port: number): ServerCommand {
  switch (kind) {
    case 'http': {
      const path = join(folder, 'backend.conf');
      writeFileSync(path, httpConfig(folder, port));
      return { command: 'nginx', args: ['-p', folder, '-c', path], port };
    }
    case 'grpc': {
      const root = join(folder, 'grpc');
      mkdirSync(join(root, 'pkg.Service'), { recursive: true });
      writeFileSync(join(root, unary.path), Buffer.alloc(unary.answerBytes, 'X'));
      const flags = ['--no-tls', '-n1', '-d', root, '--trailer=grpc-status: 0', '-m', `${maxStreams}`];
      return { command: 'nghttpd', args: [...flags, '-a', '127.0.0.1', `${port}`], port };
    }
    case 'grpcStreams': {
      const main = resolve(import.meta.dirname, '../loads/grpc-echo-main.ts');
      return { command: process.execPath, args: [main, `${port}`], port };
    }
    case 'tcp':
      return { command: 'iperf3', args: ['-s', '-B', '127.0.0.1', '-p', `${port}`], port };
  }
}

function httpConfig(folder: string, port: number): string {
  const answer = (bytes: number) => `default_type text/plain; return 200 "${'X'.repeat(bytes)}";`;
  return nginxMain({
    folder,
    name: 'backend',
    workers: 1,
    http: `access_log off;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / { ${answer(128)} }
    location = ${bodyPaths[0]} { ${answer(0)} }
    location = ${bodyPaths[1024]} { ${answer(1024)} }
    set $kilobyte "${'X'.repeat(1024)}";
    location = ${bodyPaths[65536]} { default_type text/plain; return 200 "${'$kilobyte'.repeat(64)}"; }
  }`,
  });
}
