import { FakeClock } from '#shared/runtime/clock.ts';
import { seededRandom, type Random } from '#shared/runtime/random.ts';
import type { RequestHead } from '../http1/message.ts';
import { TimerWheel } from '../net/timer-wheel.ts';
import { aForward, aRoute, aTable, aVirtualHost, compiled } from '../routing/routes.fixture.ts';
import type { ClusterConfig } from '../snapshot/cluster.ts';
import type { HttpManager } from '../snapshot/listener.ts';
import type { ForwardAction, RetryPolicy, Route, VirtualHost } from '../snapshot/route.ts';
import { emptySnapshot } from '../snapshot/snapshot.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import { aCluster, someEndpoints } from '../upstream/cluster.fixture.ts';
import { Cluster } from '../upstream/cluster.ts';
import type { ExchangeHost, Observation } from './exchange-host.ts';
import { Exchange } from './exchange.ts';
import { LiveCalls } from './grpc-messages.ts';
import type { HttpRequestFilter } from './filter.ts';
import type { AttemptFacts, HttpService, Plan, ResponseFacts } from './plan.ts';
import { FakeServerStream, FakeUpstream } from './streams.fixture.ts';

/** A connection manager for tests: routes by RDS, no filters, no limits in time. */
export const aManager = (fields: Partial<HttpManager> = {}): HttpManager => ({
  statPrefix: '',
  routes: { kind: 'rds', name: '80' },
  filters: [],
  accessLogs: [],
  serverName: 'envoy',
  serverHeader: 'overwrite',
  useRemoteAddress: false,
  skipXffAppend: false,
  xffTrustedHops: 0,
  generateRequestId: false,
  preserveExternalRequestId: false,
  forwardClientCert: 'sanitize',
  clientCertDetails: { subject: false, cert: false, chain: false, dns: false, uri: false },
  normalizePath: false,
  mergeSlashes: false,
  escapedSlashes: 'keep',
  stripPort: 'none',
  requestHeadersTimeoutMs: 0,
  idleTimeoutMs: 0,
  streamIdleTimeoutMs: 0,
  drainTimeoutMs: 0,
  delayedCloseTimeoutMs: 0,
  maxHeadersKb: 60,
  maxHeadersCount: 100,
  upgrades: new Set(['websocket']),
  acceptHttp10: true,
  codec: 'auto',
  tracing: null,
  schemeOverwrite: null,
  http2: {},
  proxiesContinue: true,
  ...fields,
});

/** A retry policy for tests: two retries on `on`, without back-off unless said otherwise. */
export const aRetry = (on: string, fields: Partial<RetryPolicy> = {}): RetryPolicy => ({
  on: on.split(','),
  attempts: 2,
  perTryTimeoutMs: 0,
  retriableStatusCodes: [],
  retriableHeaders: [],
  retriableRequestHeaders: [],
  avoidPreviousHosts: false,
  hostSelectionAttempts: 1,
  baseIntervalMs: 0,
  maxIntervalMs: 0,
  ...fields,
});

/** A service for tests that keeps what its hooks are told. */
export function aService(fields: Partial<HttpService> = {}) {
  const attempts: AttemptFacts[] = [];
  const responses: ResponseFacts[] = [];
  const logged: AccessRecord[] = [];
  const service: HttpService = {
    manager: aManager(),
    direction: 'outbound',
    isForwardProxy: false,
    compat: 'istio',
    table: null,
    filters: [],
    accessLogs: [{ log: (record) => logged.push(record) }],
    hooks: {
      admit: () => null,
      mirror: (head) => ({ ...head, headers: head.headers.clone() }),
      beforeAttempt: (_head, facts) => attempts.push(facts),
      beforeResponse: (_head, facts) => responses.push(facts),
    },
    ...fields,
  };
  return { service, attempts, responses, logged };
}

/** What an exchange for tests is made of. Without `routes`, `/` forwards to the cluster `c` by `action`. */
export type ExchangeSetup = Readonly<{
  action?: Partial<ForwardAction>;
  routes?: readonly Route[];
  virtualHost?: Partial<VirtualHost>;
  cluster?: Partial<ClusterConfig>;
  endpoints?: readonly string[];
  mirrors?: readonly string[];
  request?: Partial<Omit<RequestHead, 'headers'>>;
  headers?: Readonly<Record<string, string>>;
  /** The request has a body that is still to come. */
  hasBody?: boolean;
  filters?: readonly HttpRequestFilter[];
  service?: Partial<HttpService>;
  random?: Random;
}>;

/** An exchange between a fake client and fake hosts, not started yet, under a clock that stands still. */
export function anExchange(setup: ExchangeSetup = {}) {
  const clock = new FakeClock();
  const random = setup.random ?? seededRandom(7);
  const upstream = new FakeUpstream();
  const mirror = new FakeUpstream();
  const make = (config: Partial<ClusterConfig>, hosts: FakeUpstream) =>
    new Cluster(aCluster(config), someEndpoints(...(setup.endpoints ?? ['10.0.0.1'])), {
      clock,
      random,
      resolve: () => Promise.resolve([]),
      createPool: (scope) => hosts.createPool(scope),
      sparesRefusing: () => setup.service?.compat === 'tulle',
      onOutlierEvent: () => undefined,
    });
  const cluster = make({ name: 'c', altStatName: 'c;', ...setup.cluster }, upstream);
  const clusters = new Map([['c', cluster]]);
  for (const name of setup.mirrors ?? []) clusters.set(name, make({ name }, mirror));
  const routes = setup.routes ?? [aRoute('/*', { name: 'all', action: aForward('c', setup.action) })];
  const table = compiled(aTable([{ ...aVirtualHost(['*'], routes), ...setup.virtualHost }]));
  const plan: Plan = {
    generation: 1,
    snapshot: emptySnapshot,
    listeners: new Map(),
    clusters,
    routes: new Map([['80', table]]),
  };
  const { service, attempts, responses, logged } = aService({ filters: setup.filters ?? [], ...setup.service });
  const observed: Observation[] = [];
  /** Reports of gRPC messages: requests and responses. */
  const messages: [number, number][] = [];
  const report = (requests: number, responses: number) => {
    if (requests > 0 || responses > 0) messages.push([requests, responses]);
  };
  const host: ExchangeHost = {
    currentPlan: () => plan,
    clock,
    random,
    wheel: new TimerWheel(clock),
    ownAddress: '10.0.0.9',
    observe: (observation, call) => {
      observed.push(observation);
      report(call?.takeRequests() ?? 0, call?.takeResponses() ?? 0);
    },
    calls: new LiveCalls(clock, (_, requests, responses) => report(requests, responses)),
  };
  const stream = new FakeServerStream();
  const hasBody = setup.hasBody ?? false;
  const head = aRequest({ contentLength: hasBody ? -1 : 0, ...setup.request }, setup.headers);
  const exchange = new Exchange(host, service, { stream, head, end: !hasBody });
  return { exchange, stream, upstream, mirror, cluster, clock, attempts, responses, logged, observed, messages };
}

/** The same, started. */
export function startExchange(setup: ExchangeSetup = {}) {
  const made = anExchange(setup);
  made.exchange.start();
  return made;
}
