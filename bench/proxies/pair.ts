import { join } from 'node:path';
import type { CertificateFiles } from '../certificates.ts';

/** Ports and files of one pair: `out` takes plaintext and sends mTLS to `in`, which sends plaintext to the backend. */
export type PairScope = Readonly<{
  folder: string;
  certificates: CertificateFiles;
  outPort: number;
  inPort: number;
  backendPort: number;
  /** Of the proxies that have an admin port. */
  adminPorts: Readonly<Record<Hop, number>>;
}>;

/** Where a hop logs: a file, since our sidecar does not even make the lines that go to /dev/null. */
export function accessLogPath(folder: string, hop: Hop): string {
  return join(folder, `access-${hop}.log`);
}

/** Which of the two a proxy is. */
export type Hop = 'in' | 'out';

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
