/**
 * The plan: the snapshot compiled into what a connection and a request need, one immutable value. A request reads the current
 * plan once and keeps it to its end. Clusters live on from plan to plan with their pools, counters and ejections.
 */
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { CompiledRouteTable } from '../routing/route-table.ts';
import type { FilterChain, HttpManager, ListenerConfig, TcpProxy } from '../snapshot/listener.ts';
import { emptySnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import type { Connection } from '../transport/transport.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { ChainMatcher } from './chain-match.ts';
import type { HttpRequestFilter, LocalReply } from './filter.ts';

export type Plan = Readonly<{
  generation: number;
  /** What it was compiled from. */
  snapshot: Snapshot;
  /** By name. */
  listeners: ReadonlyMap<string, PlanListener>;
  /** By cluster name. */
  clusters: ReadonlyMap<string, Cluster>;
  /** By RDS name. */
  routes: ReadonlyMap<string, CompiledRouteTable>;
}>;

export type PlanListener = Readonly<{
  config: ListenerConfig;
  matcher: ChainMatcher<PlanChain>;
  defaultChain: PlanChain | null;
  /** Of connections for which no chain was found. */
  accessLogs: readonly AccessLog[];
}>;

/** A compiled filter chain. It is the same object from plan to plan as long as its configuration is the same. */
export type PlanChain = Readonly<{
  config: FilterChain;
  direction: ListenerConfig['direction'];
  /** Null: the connection is let in; else why not (details of the refusal). */
  refuse: (connection: Connection) => string | null;
  handler: Readonly<{ kind: 'http'; service: HttpService }> | Readonly<{ kind: 'tcp'; service: TcpService }>;
}>;

export type AccessLog = Readonly<{ log: (record: AccessRecord) => void }>;

/** A compiled HTTP connection manager. */
export type HttpService = Readonly<{
  manager: HttpManager;
  direction: ListenerConfig['direction'];
  /** Clients use the listener as their HTTP proxy: absolute form and CONNECT, and hosts that nobody knows are resolved. */
  isForwardProxy: boolean;
  /** Whose defaults hold. */
  compat: 'tulle' | 'istio';
  /** The inline table; null: by RDS name from the plan. */
  table: CompiledRouteTable | null;
  filters: readonly HttpRequestFilter[];
  accessLogs: readonly AccessLog[];
  hooks: HttpHooks;
}>;

/** What the connection manager does to every request and response; made by `compile` of the rules in `filters`. */
export type HttpHooks = Readonly<{
  /** Before routing: cleans and completes the request's headers, normalises its path. A reply ends the request. */
  admit: (head: RequestHead, connection: Connection, record: AccessRecord) => LocalReply | null;
  /** The head of a mirrored copy. */
  mirror: (head: RequestHead, ownAddress: string, appendShadowSuffix: boolean) => RequestHead;
  /** Before an attempt is sent. */
  beforeAttempt: (head: RequestHead, facts: AttemptFacts) => void;
  /** Before a response (also a local one) is sent downstream. */
  beforeResponse: (head: ResponseHead, facts: ResponseFacts) => void;
}>;

export type AttemptFacts = Readonly<{
  attempt: number;
  /** The virtual host wants `x-envoy-attempt-count`. */
  tellsAttempt: boolean;
  /** Time left of the route's timeout or the per-try timeout; 0: none. */
  expectedTimeoutMs: number;
}>;

export type ResponseFacts = Readonly<{
  request: RequestHead;
  isLocal: boolean;
  /** Milliseconds that the upstream took; -1 for local replies and for answers to requests that were not whole yet. */
  upstreamMs: number;
}>;

/** A compiled TCP proxy. */
export type TcpService = Readonly<{
  config: TcpProxy;
  /** Of its filter chain. */
  chainName: string;
  direction: ListenerConfig['direction'];
  /** Chooses the cluster's name; weights are drawn. */
  chooseCluster: () => string;
  accessLogs: readonly AccessLog[];
}>;

export const emptyPlan: Plan = {
  generation: 0,
  snapshot: emptySnapshot,
  listeners: new Map(),
  clusters: new Map(),
  routes: new Map(),
};

/** The filter chains of all listeners. */
export function chainsOf(plan: Plan): Set<PlanChain> {
  const chains = new Set<PlanChain>();
  for (const listener of plan.listeners.values()) {
    for (const chain of listener.matcher.chains()) chains.add(chain);
    if (listener.defaultChain !== null) chains.add(listener.defaultChain);
  }
  return chains;
}
