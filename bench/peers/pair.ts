import { join } from 'node:path';
import type { CertificateFiles } from '../certificates.ts';

/**
 * What is spoken on the way client -> out -> in -> backend: `http1` everywhere; `mux`: HTTP/2 between the two, HTTP/1.1 at both ends;
 * `h2` everywhere; `tcp`: octets.
 */
export type Wire = 'http1' | 'mux' | 'h2' | 'tcp';

/** What a scenario asks of a pair, beside the wire. */
export type Shape = Readonly<{
  /** Addresses at which `out` finds `in`: 127.0.0.1 and so on. */
  endpoints: number;
  /** Services that the configuration knows besides: a cluster and a virtual host each. */
  services: number;
  workers: number;
}>;

export const plainShape: Shape = { endpoints: 1, services: 0, workers: 1 };

/** Ports and files of one pair: `out` takes plaintext and sends mTLS to `in`, which sends plaintext to the backend. */
export type PairScope = Readonly<{
  folder: string;
  certificates: CertificateFiles;
  outPort: number;
  inPort: number;
  backendPort: number;
  /** Of the proxies that have an admin port. */
  adminPorts: Readonly<Record<Hop, number>>;
  wire: Wire;
  shape: Shape;
}>;

/** Which of the two a proxy is. */
export type Hop = 'in' | 'out';
export const hops: readonly Hop[] = ['in', 'out'];

/** Where a hop logs: a file, since our sidecar does not even make the lines that go to /dev/null. */
export function accessLogPath(folder: string, hop: Hop): string {
  return join(folder, `access-${hop}.log`);
}

/** Where a hop listens: `in` at all addresses of the machine when it plays several endpoints. */
export function listenAddress(
  hop: Hop,
  { inPort, outPort, shape }: PairScope,
): Readonly<{ host: string; port: number }> {
  if (hop === 'out') return { host: '127.0.0.1', port: outPort };
  return { host: shape.endpoints > 1 ? '0.0.0.0' : '127.0.0.1', port: inPort };
}

/** Where a hop sends to. */
export function endpointsOf(
  hop: Hop,
  { inPort, backendPort, shape }: PairScope,
): readonly Readonly<{ host: string; port: number }>[] {
  if (hop === 'in') return [{ host: '127.0.0.1', port: backendPort }];
  return Array.from({ length: shape.endpoints }, (_, index) => ({ host: `127.0.0.${index + 1}`, port: inPort }));
}

/** Streams that a peer takes on one HTTP/2 connection. */
export const maxStreams = 1000;

/** Paths that a service might have: the proxies with all features on match requests against them, the last takes ours. */
export const pathPrefixes = [
  '/api/v1/orders',
  '/api/v1/users',
  '/api/v2/',
  '/static/',
  '/healthz',
  '/login',
  '/metrics-x',
  '/reviews/',
  '/ratings/',
  '/',
];
