/**
 * One TCP connection passed through to a host of a cluster. It takes a place of the cluster's breaker, dials (again at another host, as
 * often as its chain allows), joins the two connections with a `Pipe`, and is logged and counted once, whatever becomes of it.
 *
 *   start -> place -> dial (-> dial ...) -> join -> pipe -> finish
 */
import { Buffer } from 'node:buffer';
import type { Clock } from '#shared/runtime/clock.ts';
import type { MeshError } from '#shared/runtime/mesh-error.ts';
import { Pipe, type PipeEnd } from '../net/pipe.ts';
import type { HashPolicy } from '../snapshot/route.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import type { Connection } from '../transport/transport.ts';
import { xxHash64 } from '../upstream/balancers/xxhash64.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { OriginalDestination } from '../upstream/original-hosts.ts';
import type { Host } from '../upstream/host.ts';
import type { Connector } from './connector.ts';
import type { MovedBytes, Observation } from './exchange-host.ts';
import { openConnectionRecord } from './open-record.ts';
import type { AccessLog, Plan } from './plan.ts';

/** What tunnels share. */
export type TcpHost = Readonly<{
  currentPlan: () => Plan;
  clock: Clock;
  connector: Connector;
  observer: TcpObserver;
}>;

/** Who counts connections. */
export interface TcpObserver {
  /** A connection came to be, or failed to: then with the flags that say why, and `closed` follows. */
  opened(observation: Observation): void;
  /** It moved so many bytes since it was last told. */
  moved(observation: Observation, bytes: MovedBytes): void;
  closed(observation: Observation): void;
}

/** Where a connection is to go, and how. Times in milliseconds, 0: none. */
export type TunnelGoal = Readonly<{
  clusterName: string;
  chainName: string;
  /** That a TLS hello asked for; else empty. */
  serverName: string;
  direction: Observation['direction'];
  destination: OriginalDestination | null;
  idleTimeoutMs: number;
  maxDurationMs: number;
  maxAttempts: number;
  hashPolicies: readonly HashPolicy[];
  accessLogs: readonly AccessLog[];
}>;

/** How often the balancer is asked again for a host that was not tried yet; picks are cheap, and there may be no other. */
const hostSelectionAttempts = 10;

export class TcpTunnel {
  readonly #host: TcpHost;
  readonly #downstream: Connection;
  readonly #goal: TunnelGoal;
  readonly #onEnd: () => void;
  readonly #record = new AccessRecord();
  readonly #startedAtMs: number;
  readonly #tried = new Set<Host>();
  #cluster: Cluster | null = null;
  #upstreamHost: Host | null = null;
  #pipe: Pipe | null = null;
  #cancelDial: (() => void) | null = null;
  #stopAging: (() => void) | null = null;
  #reported: MovedBytes = { received: 0, sent: 0 };
  #holdsPlace = false;
  #isOver = false;

  constructor(host: TcpHost, downstream: Connection, goal: TunnelGoal, onEnd: () => void) {
    this.#host = host;
    this.#downstream = downstream;
    this.#goal = goal;
    this.#onEnd = onEnd;
    this.#startedAtMs = host.clock.monotonic();
    this.#record.startTimeMs = host.clock.now();
    openConnectionRecord(this.#record, downstream);
    this.#record.filterChainName = goal.chainName;
    if (goal.serverName !== '') this.#record.sni = goal.serverName;
  }

  get direction(): TunnelGoal['direction'] {
    return this.#goal.direction;
  }

  start(): void {
    const { clusterName, maxDurationMs } = this.#goal;
    const cluster = this.#host.currentPlan().clusters.get(clusterName);
    this.#record.clusterRaw = clusterName;
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
    this.#holdsPlace = true;
    if (maxDurationMs > 0) this.#stopAging = this.#host.clock.after(maxDurationMs, () => this.#onTooOld());
    this.#dial(cluster, 1);
  }

  /** Ends it at once. */
  stop(): void {
    if (this.#pipe === null) this.#fail('', 'local_close');
    else this.#pipe.stop();
  }

  /** Tells what it moved since it was last asked. */
  report(): void {
    if (this.#pipe === null) return;
    const { bytesUp, bytesDown } = this.#pipe;
    const moved = { received: bytesUp - this.#reported.received, sent: bytesDown - this.#reported.sent };
    if (moved.received === 0 && moved.sent === 0) return;
    this.#reported = { received: bytesUp, sent: bytesDown };
    this.#host.observer.moved(this.#observation(), moved);
  }

  // ------------------------------------------------------------------ connecting

  #dial(cluster: Cluster, attempt: number): void {
    const { destination } = this.#goal;
    const host = cluster.pick({
      destination,
      hash: this.#hash(),
      exclude: this.#tried,
      attempts: attempt === 1 ? 0 : hostSelectionAttempts,
    });
    if (host === null) return this.#fail('UH', 'no_healthy_upstream');
    this.#tried.add(host);
    this.#record.upstreamHost = host.key;
    this.#record.attempts = attempt;
    this.#hold(cluster, host);
    this.#cancelDial = this.#host.connector.connectTcp(cluster.config, host, {
      onConnected: (upstream) => this.#join(cluster, host, upstream),
      onFailed: (error) => this.#onDialFailed(cluster, host, { attempt, error }),
    });
  }

  /** The host counts the connection, and balancers see it as a request under way. */
  #hold(cluster: Cluster, host: Host): void {
    this.#upstreamHost = host;
    host.activeRequests++;
    host.stats.cx_total++;
    host.stats.cx_active++;
    cluster.stats.upstream_cx_total++;
    cluster.stats.upstream_cx_active++;
  }

  #letGo(): void {
    const host = this.#upstreamHost;
    if (host === null || this.#cluster === null) return;
    host.activeRequests--;
    host.stats.cx_active--;
    this.#cluster.stats.upstream_cx_active--;
    this.#cluster.stats.upstream_cx_destroy++;
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
    if (error.code === 'connect_timeout') cluster.stats.upstream_cx_connect_timeout++;
    cluster.reportLocal(host, 'connectFailed');
    cluster.spare(host);
    if (attempt < this.#goal.maxAttempts) {
      this.#letGo();
      this.#upstreamHost = null;
      return this.#dial(cluster, attempt + 1);
    }
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
    this.#record.upstreamLocalAddress = upstream.localName;
    this.#record.upstreamPeerUriSan = upstream.tls?.peerUriSans[0] ?? '';
    this.#host.observer.opened(this.#observation());
    this.#pipe = new Pipe(this.#downstream, upstream, {
      idleTimeoutMs: this.#goal.idleTimeoutMs,
      clock: this.#host.clock,
      onEnd: (end) => this.#onPipeEnd(end),
    });
    this.#pipe.start();
  }

  // ------------------------------------------------------------------ the end

  #onPipeEnd({ reason, bytesUp, bytesDown }: PipeEnd): void {
    this.#record.bytesReceived = bytesUp;
    this.#record.bytesSent = bytesDown;
    if (reason === 'downstreamReset' || reason === 'downstreamClosed') this.#record.addFlag('DC');
    if (reason === 'upstreamReset') this.#record.addFlag('UR');
    this.#finish();
  }

  /** `max_downstream_connection_duration` (Envoy: closed without flushing, flag DT). */
  #onTooOld(): void {
    this.#record.addFlag('DT');
    this.#record.details = 'max_duration_timeout';
    this.#cancelDial?.();
    if (this.#pipe === null) this.#fail('', this.#record.details);
    else this.#pipe.stop();
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
    this.#cancelDial?.();
    this.#finish();
    this.#downstream.destroy();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopAging?.();
    if (this.#holdsPlace) this.#cluster?.breakers.default.releaseConnection();
    this.#letGo();
    this.#record.durationMs = this.#host.clock.monotonic() - this.#startedAtMs;
    this.#count();
    for (const log of this.#goal.accessLogs) log.log(this.#record);
    this.#onEnd();
  }

  /** A connection that nobody took counts as opened and closed with the flags that say why, as in Istio. */
  #count(): void {
    const observation = this.#observation();
    if (this.#pipe === null) this.#host.observer.opened(observation);
    this.report();
    this.#host.observer.closed(observation);
    const { stats } = this.#cluster ?? {};
    if (stats === undefined || this.#pipe === null) return;
    stats.upstream_cx_tx_bytes_total += this.#pipe.bytesUp;
    stats.upstream_cx_rx_bytes_total += this.#pipe.bytesDown;
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
