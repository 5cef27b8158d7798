import type { HttpFilterOverrides } from './http-filter.ts';
import type { Fraction, HeaderMatch, PathMatch, QueryMatch } from './matchers.ts';

/** A route configuration: what RDS carries, or an HTTP manager has inline. */
export type RouteTable = Readonly<{
  name: string;
  virtualHosts: readonly VirtualHost[];
  /** The port in `Host` does not take part in the choice of the virtual host. */
  ignorePortInHost: boolean;
  requestHeaders: HeaderOps;
  responseHeaders: HeaderOps;
  maxDirectResponseBytes: number;
}>;

export type VirtualHost = Readonly<{
  name: string;
  /** Exact, `*.suffix`, `prefix.*` or `*`. */
  domains: readonly string[];
  routes: readonly Route[];
  requestHeaders: HeaderOps;
  responseHeaders: HeaderOps;
  includeAttemptCount: boolean;
  /** Answers say how many attempts they took. */
  attemptCountInResponse: boolean;
  retry: RetryPolicy | null;
  filters: HttpFilterOverrides;
}>;

export type Route = Readonly<{
  name: string;
  match: RouteMatch;
  action: RouteAction;
  requestHeaders: HeaderOps;
  responseHeaders: HeaderOps;
  filters: HttpFilterOverrides;
  /** Span name (`decorator.operation`). */
  operation: string;
}>;

export type RouteMatch = Readonly<{
  path: PathMatch;
  headers: readonly HeaderMatch[];
  query: readonly QueryMatch[];
  /** Whether only gRPC requests match. */
  grpcOnly: boolean;
  /** Takes part with this fraction only. */
  fraction: Fraction | null;
}>;

export type HeaderAction = 'append' | 'overwrite' | 'add_if_absent' | 'overwrite_if_exists';

/** `max_stream_duration`: how long an exchange may take from its first byte on, whatever it is doing. */
export type StreamDuration = Readonly<{
  /** 0: without limit. */
  maxMs: number;
  /** A `grpc-timeout` holds instead, up to this (0: without limit); null: it is not looked at. */
  grpcHeaderMaxMs: number | null;
  /** Taken off from what the `grpc-timeout` says. */
  grpcHeaderOffsetMs: number;
}>;

/** Header changes. Values are Envoy format strings (`%UPSTREAM_HOST%`). Removals come after additions, as in Envoy. */
export type HeaderOps = Readonly<{
  add: readonly Readonly<{ name: string; value: string; action: HeaderAction; keepEmpty: boolean }>[];
  remove: readonly string[];
}>;

export type RouteAction = ForwardAction | RedirectAction | DirectAction | Readonly<{ kind: 'nonForwarding' }>;

export type ForwardAction = Readonly<{
  kind: 'forward';
  target: ClusterTarget;
  /** Of the whole exchange; 0 is none. */
  timeoutMs: number;
  /** Of a stream in which nothing moves; 0 is none, null what the listener says. */
  idleTimeoutMs: number | null;
  /**
   * `max_grpc_timeout`: a call's timeout is what its `grpc-timeout` says, up to this (0: without limit), and the upstream's says
   * the time that is really left; null: not honoured.
   */
  maxGrpcTimeoutMs: number | null;
  /** Where there is one, `maxGrpcTimeoutMs` says nothing. */
  streamDuration: StreamDuration | null;
  retry: RetryPolicy | null;
  prefixRewrite: string | null;
  regexRewrite: RegexRewrite | null;
  hostRewrite: HostRewrite | null;
  hashPolicies: readonly HashPolicy[];
  mirrors: readonly MirrorPolicy[];
  priority: 'default' | 'high';
  /** Answer when the cluster is not known. */
  clusterNotFoundStatus: 503 | 404 | 500;
  /** Upgrade types that are allowed or forbidden here, over the manager's (`websocket`). */
  upgrades: ReadonlyMap<string, boolean>;
}>;

export type RegexRewrite = Readonly<{ pattern: string; substitution: string }>;

export type HostRewrite =
  | Readonly<{ kind: 'literal'; value: string }>
  | Readonly<{ kind: 'auto' }>
  | Readonly<{ kind: 'header'; name: string }>;

export type ClusterTarget =
  | Readonly<{ kind: 'cluster'; name: string }>
  | Readonly<{ kind: 'header'; name: string }>
  | Readonly<{ kind: 'weighted'; clusters: readonly WeightedCluster[]; totalWeight: number }>;

export type WeightedCluster = Readonly<{
  name: string;
  weight: number;
  requestHeaders: HeaderOps;
  responseHeaders: HeaderOps;
  hostRewrite: HostRewrite | null;
  filters: HttpFilterOverrides;
}>;

export type RedirectAction = Readonly<{
  kind: 'redirect';
  status: 301 | 302 | 303 | 307 | 308;
  scheme: string | null;
  /** `https_redirect`: scheme https and the default port. */
  httpsRedirect: boolean;
  host: string | null;
  port: number | null;
  path:
    | Readonly<{ kind: 'full' | 'prefix'; value: string }>
    | Readonly<{ kind: 'regex'; rewrite: RegexRewrite }>
    | null;
  stripQuery: boolean;
}>;

export type DirectAction = Readonly<{ kind: 'direct'; status: number; body: Uint8Array | null }>;

export type RetryPolicy = Readonly<{
  /** Tokens of `retry_on`. */
  on: readonly string[];
  /** Retries, the first attempt not counted. */
  attempts: number;
  perTryTimeoutMs: number;
  retriableStatusCodes: readonly number[];
  retriableHeaders: readonly HeaderMatch[];
  retriableRequestHeaders: readonly HeaderMatch[];
  avoidPreviousHosts: boolean;
  hostSelectionAttempts: number;
  baseIntervalMs: number;
  maxIntervalMs: number;
}>;

export type HashPolicy =
  | Readonly<{ kind: 'header'; name: string; terminal: boolean }>
  | Readonly<{
      kind: 'cookie';
      name: string;
      ttlMs: number | null;
      path: string;
      attributes: readonly string[];
      terminal: boolean;
    }>
  | Readonly<{ kind: 'sourceIp'; terminal: boolean }>
  | Readonly<{ kind: 'query'; name: string; terminal: boolean }>;

export type MirrorPolicy = Readonly<{ cluster: string; fraction: Fraction; appendShadowSuffix: boolean }>;

/** No change. */
export const noHeaderOps: HeaderOps = { add: [], remove: [] };
