/**
 * The admin API: what `meshctl` and the dashboard ask the control plane. Reading needs nothing (it listens on loopback);
 * changes and tokens go by the 0600 unix socket in the data directory, or with the key that lies beside it.
 * The API holds no state: it answers from the values that are handed in as {@link AdminBackend}.
 */
import type { Result } from '#shared/runtime/result.ts';
import type { Catalog } from '../catalog/catalog.ts';

/** How far a change has come: proxies that have it, those that should, and who refused it. */
export type Distribution = Readonly<{
  generation: number;
  applied: number;
  total: number;
  refused: readonly Readonly<{ proxy: string; typeUrl: string; message: string }>[];
}>;

/** A connected proxy as the API shows it. */
export type ProxyView = Readonly<{
  id: string;
  name: string;
  namespace: string;
  serviceAccount: string;
  address: string;
  version: string;
  connectedSince: string;
  isHealthy: boolean | null;
  healthMessage: string;
  /** Highest generation of which everything was acknowledged. */
  appliedGeneration: number;
  /** Per type: how many resources it has, and the generation that it acknowledged last. */
  types: Readonly<Record<string, Readonly<{ acked: number; sent: number; refused: string }>>>;
  metadata: Readonly<Record<string, unknown>>;
}>;

/** An issued certificate. */
export type CertificateView = Readonly<{ serial: string; spiffeId: string; notAfter: string }>;

/** What the API answers from. */
export type AdminBackend = Readonly<{
  version: string;
  isReady: () => boolean;
  awaited: () => readonly string[];
  catalog: () => Catalog;
  distribution: (key: string) => Distribution;
  proxies: () => readonly ProxyView[];
  /** The resources that a proxy was last sent, typed, by short type name; null: no such proxy. */
  proxyConfig: (id: string) => Readonly<Record<string, readonly unknown[]>> | null;
  certificates: () => Readonly<{ root: unknown; issued: readonly CertificateView[]; total: number }>;
  metrics: () => Promise<string>;
  /** Writes documents into the watched folder. */
  apply: (text: string, options: { dryRun: boolean }) => Promise<Result<readonly AppliedResource[]>>;
  remove: (key: string) => Promise<Result<string>>;
  token: (request: TokenRequest) => Promise<Result<Readonly<{ token: string; expiresAt: string; spiffeId: string }>>>;
}>;

export type AppliedResource = Readonly<{
  key: string;
  outcome: 'created' | 'configured' | 'unchanged';
  file: string;
  warnings: readonly string[];
}>;

export type TokenRequest = Readonly<{ namespace: string; serviceAccount: string; ttlMs: number }>;
