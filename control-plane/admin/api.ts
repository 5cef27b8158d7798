/**
 * The admin API: what `meshctl` and the dashboard ask the control plane. Reading needs nothing (it listens on loopback);
 * changes and tokens go by the 0600 unix socket in the data directory, or with the key that lies beside it.
 * The API holds no state: it answers from the values that are handed in as {@link AdminBackend}.
 */
import type {
  AppliedResource,
  CertificateView,
  ClusterView,
  Distribution,
  IssuedToken,
  ProxyView,
  TokenRequest,
} from '#shared/admin/views.ts';
import type { Result } from '#shared/runtime/result.ts';
import type { Catalog } from '../catalog/catalog.ts';

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
  /** Null: not on Kubernetes. */
  cluster: () => ClusterView | null;
  metrics: () => Promise<string>;
  /** Writes documents into the watched folder. */
  apply: (text: string, options: { dryRun: boolean }) => Promise<Result<readonly AppliedResource[]>>;
  remove: (key: string) => Promise<Result<string>>;
  token: (request: TokenRequest) => Promise<Result<IssuedToken>>;
}>;
