/** What the control plane's admin API answers, as JSON: the shapes that the API gives and that `meshctl` reads. */

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

/** A pod that should have a sidecar and has none. `owner`: its controller, as `KIND/NAME`; null where it has none. */
export type MissedPodView = Readonly<{ namespace: string; name: string; owner: string | null; reason: string }>;

/** A control plane on Kubernetes: this replica, the others, and what they keep right. */
export type ClusterView = Readonly<{
  replica: string;
  /** Empty: nobody leads. */
  leader: string;
  /** The healthy ones, this one first. */
  replicas: readonly string[];
  source: Readonly<{ isFresh: boolean; /** Kinds that may be old, each with the reason. */ stale: readonly string[] }>;
  webhooks: readonly Readonly<{
    name: string;
    failurePolicies: readonly string[];
    /** Whether it bears our root in every webhook. */
    isTrusted: boolean;
  }>[];
  missedInjection: readonly MissedPodView[];
}>;

/** An issued certificate. */
export type CertificateView = Readonly<{ serial: string; spiffeId: string; notAfter: string }>;

/** A document that was written. */
export type AppliedResource = Readonly<{
  key: string;
  outcome: 'created' | 'configured' | 'unchanged';
  file: string;
  warnings: readonly string[];
}>;

/** What a join token is asked for. */
export type TokenRequest = Readonly<{ namespace: string; serviceAccount: string; ttlMs: number }>;

/** A join token for a service account. */
export type IssuedToken = Readonly<{ token: string; expiresAt: string; spiffeId: string }>;

/** A resource as the admin API lists it. */
export type ResourceItem = Readonly<{
  key: string;
  kind: string;
  namespace: string;
  name: string;
  apiVersion: string;
  generation: number;
  inForce: boolean;
  source: string;
  file: string;
  line: number;
  problems: readonly LocatedProblem[];
  warnings: readonly LocatedProblem[];
  distribution: Distribution;
  resource?: unknown;
}>;

export type LocatedProblem = Readonly<{ path: string; message: string; severity: string; line: number; code?: string }>;

export type ResourceList = Readonly<{
  generation: number;
  items: readonly ResourceItem[];
  files: readonly Readonly<{ file: string; problems: readonly LocatedProblem[] }>[];
}>;
