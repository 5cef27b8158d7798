import type { HttpFilter, RbacConfig } from './http-filter.ts';
import type { Http2Limits } from './http2-limits.ts';
import type { RouteTable } from './route.ts';
import type { ClusterTarget, HashPolicy } from './route.ts';
import type { DownstreamTls } from './tls-context.ts';

/** A listener: what LDS carries. */
export type ListenerConfig = Readonly<{
  name: string;
  address: string;
  port: number;
  /** False: it gets connections only from a listener that found their original destination. */
  bindToPort: boolean;
  /** It takes connections to addresses of others (TPROXY): their local address is where they were meant to go. */
  transparent: boolean;
  /** Finds the original destination and hands over to the listener of that address, if there is one. */
  useOriginalDst: boolean;
  direction: 'inbound' | 'outbound' | 'unspecified';
  inspect: Inspection;
  chains: readonly FilterChain[];
  defaultChain: FilterChain | null;
  accessLogs: readonly AccessLogConfig[];
  /** Whose defaults hold (`metadata.filter_metadata.tulle.compat`); empty: not said. */
  compat: '' | 'tulle' | 'istio';
  /** How to ask the application's health (`metadata.filter_metadata.tulle.probe`, a Kubernetes probe); null: not said. */
  probe: Probe | null;
}>;

/** What is read of a connection before a chain is chosen. */
export type Inspection = Readonly<{
  /** Read the original destination (`SO_ORIGINAL_DST`). */
  originalDst: boolean;
  /** The mark of connections to upstreams in the name of who called (`original_src`); null: they are in our own. */
  originalSrcMark: number | null;
  tls: boolean;
  http: boolean;
  /** Destination ports on which no inspector waits for bytes (server-first protocols). */
  disabledPorts: readonly Readonly<{ inspector: 'tls' | 'http'; start: number; end: number }>[];
  /** 0: wait for ever. */
  timeoutMs: number;
  continueOnTimeout: boolean;
}>;

export type FilterChain = Readonly<{
  name: string;
  match: FilterChainMatch;
  tls: DownstreamTls | null;
  rbac: readonly RbacConfig[];
  handler: Readonly<{ kind: 'http'; http: HttpManager }> | Readonly<{ kind: 'tcp'; tcp: TcpProxy }>;
  /** Time for the TLS handshake; 0: none. */
  connectTimeoutMs: number;
}>;

/** Empty lists and nulls constrain nothing. Precedence is Envoy's: port, address, server name, transport, ALPN, source. */
export type FilterChainMatch = Readonly<{
  destinationPort: number | null;
  destinationCidrs: readonly string[];
  serverNames: readonly string[];
  transportProtocol: '' | 'tls' | 'raw_buffer';
  applicationProtocols: readonly string[];
  sourceCidrs: readonly string[];
  directSourceCidrs: readonly string[];
  sourcePorts: readonly number[];
}>;

export type TcpProxy = Readonly<{
  statPrefix: string;
  target: ClusterTarget;
  /** 0: none. */
  idleTimeoutMs: number;
  /** Age at which a downstream connection is closed; 0: none. */
  maxDurationMs: number;
  maxConnectAttempts: number;
  hashPolicies: readonly HashPolicy[];
  accessLogs: readonly AccessLogConfig[];
}>;

/** The HTTP connection manager of a chain. Times in milliseconds, 0: none. */
export type HttpManager = Readonly<{
  statPrefix: string;
  routes: Readonly<{ kind: 'rds'; name: string }> | Readonly<{ kind: 'inline'; table: RouteTable }>;
  filters: readonly HttpFilter[];
  accessLogs: readonly AccessLogConfig[];
  serverName: string;
  serverHeader: 'overwrite' | 'append_if_absent' | 'pass_through';
  useRemoteAddress: boolean;
  skipXffAppend: boolean;
  xffTrustedHops: number;
  generateRequestId: boolean;
  preserveExternalRequestId: boolean;
  forwardClientCert: 'sanitize' | 'forward_only' | 'append_forward' | 'sanitize_set' | 'always_forward_only';
  clientCertDetails: Readonly<{ subject: boolean; cert: boolean; chain: boolean; dns: boolean; uri: boolean }>;
  normalizePath: boolean;
  mergeSlashes: boolean;
  escapedSlashes: 'keep' | 'reject' | 'unescape_and_redirect' | 'unescape_and_forward';
  stripPort: 'none' | 'matching' | 'any';
  requestHeadersTimeoutMs: number;
  idleTimeoutMs: number;
  /** Of a stream in which nothing moves; a route may say otherwise. */
  streamIdleTimeoutMs: number;
  drainTimeoutMs: number;
  delayedCloseTimeoutMs: number;
  maxHeadersKb: number;
  maxHeadersCount: number;
  upgrades: ReadonlySet<string>;
  acceptHttp10: boolean;
  codec: 'auto' | 'http1' | 'http2';
  http2: Http2Limits;
  /** Sampling in percent and the header context, or null without tracing. */
  tracing: Readonly<{ randomSampling: number; overallSampling: number; clientSampling: number }> | null;
  /** `scheme_header_transformation` fixed value, when set. */
  schemeOverwrite: 'http' | 'https' | null;
  /** `Expect: 100-continue` is the upstream's to answer. */
  proxiesContinue: boolean;
}>;

export type AccessLogConfig = Readonly<{
  kind: 'file';
  path: string;
  format: Readonly<{ kind: 'text'; template: string }> | Readonly<{ kind: 'json'; fields: JsonFields }>;
  /** Only requests with one of these flags; null: all. */
  onlyFlags: readonly string[] | null;
}>;

/** Nested objects of format strings. */
export type JsonFields = { readonly [key: string]: string | number | boolean | null | JsonFields };

/** A health probe of the application: Kubernetes' fields, times in milliseconds. */
export type Probe = Readonly<{
  kind: 'http' | 'tcp' | 'grpc';
  port: number;
  /** HTTP. */
  path: string;
  headers: Readonly<Record<string, string>>;
  /** gRPC; empty: the whole server. */
  service: string;
  initialDelayMs: number;
  periodMs: number;
  timeoutMs: number;
  failureThreshold: number;
  successThreshold: number;
}>;

/** Kubernetes' defaults (core/v1 Probe). */
export const defaultProbe: Omit<Probe, 'kind' | 'port'> = {
  path: '/',
  headers: {},
  service: '',
  initialDelayMs: 0,
  periodMs: 10_000,
  timeoutMs: 1000,
  failureThreshold: 3,
  successThreshold: 1,
};
