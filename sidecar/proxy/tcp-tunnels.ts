/** TCP connections passed through to a host of a cluster, with breakers, outlier reports, metrics and an access log line each. */
import type { Clock } from '#shared/runtime/clock.ts';
import type { MeshError } from '#shared/runtime/mesh-error.ts';
import { Pipe } from '../net/pipe.ts';
import type { HashPolicy } from '../snapshot/route.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import type { Connection } from '../transport/transport.ts';
import { xxHash64 } from '../upstream/balancers/xxhash64.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { parseAuthority } from './authority.ts';
import type { Connector } from './connector.ts';
import type { Observation } from './exchange-host.ts';
import { openConnectionRecord } from './open-record.ts';
import type { AccessLog, HttpService, Plan, TcpService } from './plan.ts';

export type TcpHost = Readonly<{
  currentPlan: () => Plan;
  clock: Clock;
  connector: Connector;
  opened: (observation: Observation) => void;
  closed: (observation: Observation) => void;
}>;

type Goal = Readonly<{
  clusterName: string;
  direction: Observation['direction'];
  destination: Readonly<{ address: string; port: number }> | null;
  idleTimeoutMs: number;
  maxAttempts: number;
  hashPolicies: readonly HashPolicy[];
  accessLogs: readonly AccessLog[];
}>;

export class TcpTunnels {
  readonly #host: TcpHost;
  readonly #open = new Set<Tunnel>();

  constructor(host: TcpHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Passes a connection through as its chain says. */
  serve(connection: Connection, service: TcpService): void {
    this.#start(connection, {
      clusterName: service.chooseCluster(),
      direction: service.direction,
      destination: { address: connection.localAddress, port: connection.localPort },
      idleTimeoutMs: service.config.idleTimeoutMs,
      maxAttempts: Math.max(1, service.config.maxConnectAttempts),
      hashPolicies: service.config.hashPolicies,
      accessLogs: service.accessLogs,
    });
  }

  /** Passes the inside of a CONNECT through to the named host: a service of the mesh, else wherever the name leads. */
  tunnelTo(connection: Connection, authority: string, service: HttpService): void {
    const plan = this.#host.currentPlan();
    const { routes } = service.manager;
    const table = service.table ?? (routes.kind === 'rds' ? plan.routes.get(routes.name) : undefined);
    const [host = '', port = ''] = (table?.virtualHostOf(authority)?.name ?? '').split(':');
    const known = `outbound|${port}||${host}`;
    this.#start(connection, {
      clusterName: plan.clusters.has(known) ? known : 'PassthroughCluster',
      direction: 'outbound',
      destination: parseAuthority(authority, 443),
      idleTimeoutMs: service.manager.idleTimeoutMs,
      maxAttempts: 1,
      hashPolicies: [],
      accessLogs: service.accessLogs,
    });
  }

  close(): void {
    for (const tunnel of this.#open) tunnel.stop();
  }

  #start(connection: Connection, goal: Goal): void {
    const tunnel = new Tunnel(this.#host, connection, goal, () => this.#open.delete(tunnel));
    this.#open.add(tunnel);
    tunnel.start();
  }
}

class Tunnel {
  readonly #host: TcpHost;
  readonly #downstream: Connection;
  readonly #goal: Goal;
  readonly #onEnd: () => void;
  readonly #record = new AccessRecord();
  readonly #startedAtMs: number;
  #cluster: Cluster | null = null;
  #upstreamHost: Host | null = null;
  #pipe: Pipe | null = null;
  #cancelDial: (() => void) | null = null;
  #holdsConnection = false;
  #isOver = false;

  constructor(host: TcpHost, downstream: Connection, goal: Goal, onEnd: () => void) {
    this.#host = host;
    this.#downstream = downstream;
    this.#goal = goal;
    this.#onEnd = onEnd;
    this.#startedAtMs = host.clock.monotonic();
    this.#record.startTimeMs = host.clock.now();
    openConnectionRecord(this.#record, downstream);
  }

  start(): void {
    const cluster = this.#host.currentPlan().clusters.get(this.#goal.clusterName);
    this.#record.clusterRaw = this.#goal.clusterName;
    if (cluster === undefined) return this.#fail('NC', 'cluster_not_found');
    this.#cluster = cluster;
    this.#record.cluster = cluster.config.altStatName;
    this.#downstream.setHandler({
      onData: () => undefined,
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => this.#onDownstreamGone(),
    });
    this.#downstream.pause();
    if (!cluster.breakers.default.takeConnection()) {
      cluster.stats.upstream_cx_overflow++;
      return this.#fail('UO', 'upstream_cx_overflow');
    }
    this.#holdsConnection = true;
    this.#dial(cluster, 1);
  }

  stop(): void {
    this.#pipe?.stop();
    if (this.#pipe === null) this.#fail('', 'local_close');
  }

  #dial(cluster: Cluster, attempt: number): void {
    const host = cluster.pick({ destination: this.#goal.destination, hash: this.#hash() });
    if (host === null) return this.#fail('UH', 'no_healthy_upstream');
    this.#upstreamHost = host;
    this.#record.upstreamHost = host.key;
    this.#record.attempts = attempt;
    cluster.stats.upstream_cx_total++;
    this.#cancelDial = this.#host.connector.connectTcp(cluster.config, host, {
      onConnected: (upstream) => this.#join(cluster, host, upstream),
      onFailed: (error) => this.#onDialFailed(cluster, host, { attempt, error }),
    });
  }

  /** All that is known of a TCP connection is where it comes from. */
  #hash(): bigint | null {
    const fromSource = this.#goal.hashPolicies.some(({ kind }) => kind === 'sourceIp');
    return fromSource ? xxHash64(Buffer.from(this.#downstream.remoteAddress, 'latin1')) : null;
  }

  #onDialFailed(cluster: Cluster, host: Host, { attempt, error }: { attempt: number; error: MeshError }): void {
    this.#cancelDial = null;
    if (error.facts['wasMade'] === true) {
      cluster.reportLocal(host, 'requestSuccess');
      return this.#fail('UR', '');
    }
    cluster.stats.upstream_cx_connect_fail++;
    host.stats.cx_connect_fail++;
    cluster.reportLocal(host, 'connectFailed');
    if (attempt < this.#goal.maxAttempts) return this.#dial(cluster, attempt + 1);
    this.#record.upstreamTransportFailureReason = error.message;
    this.#record.addFlag('UF');
    // Envoy's TCP proxy counts the last attempt that may be made as a limit that was met.
    this.#fail('URX', 'upstream_connect_failure');
  }

  #join(cluster: Cluster, host: Host, upstream: Connection): void {
    this.#cancelDial = null;
    if (this.#isOver) return upstream.destroy();
    // Nothing of what follows is judged: the connection itself is the success.
    cluster.reportLocal(host, 'requestSuccess');
    this.#record.upstreamLocalAddress = `${upstream.localAddress}:${upstream.localPort}`;
    this.#host.opened(this.#observation());
    const pipe = new Pipe(this.#downstream, upstream, {
      idleTimeoutMs: this.#goal.idleTimeoutMs,
      clock: this.#host.clock,
      onEnd: (end) => {
        this.#record.bytesReceived = end.bytesUp;
        this.#record.bytesSent = end.bytesDown;
        if (end.reason === 'downstreamReset' || end.reason === 'downstreamClosed') this.#record.addFlag('DC');
        if (end.reason === 'upstreamReset') this.#record.addFlag('UR');
        this.#finish();
      },
    });
    this.#pipe = pipe;
    pipe.start();
  }

  #onDownstreamGone(): void {
    if (this.#isOver || this.#pipe !== null) return;
    this.#record.addFlag('DC');
    this.#cancelDial?.();
    this.#finish();
  }

  #fail(flag: string, details: string): void {
    if (this.#isOver) return;
    this.#record.addFlag(flag);
    this.#record.details = details;
    this.#finish();
    this.#downstream.destroy();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#holdsConnection) this.#cluster?.breakers.default.releaseConnection();
    this.#record.durationMs = this.#host.clock.monotonic() - this.#startedAtMs;
    if (this.#pipe !== null) this.#host.closed(this.#observation());
    for (const log of this.#goal.accessLogs) log.log(this.#record);
    this.#onEnd();
  }

  #observation(): Observation {
    return {
      record: this.#record,
      direction: this.#goal.direction,
      isGrpc: false,
      tls: this.#downstream.tls,
      cluster: this.#cluster,
      host: this.#upstreamHost,
    };
  }
}
