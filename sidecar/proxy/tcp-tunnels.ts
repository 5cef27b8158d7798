/**
 * TCP connections passed through to hosts of clusters: who is served by which cluster, and the account of all that are open. One of them
 * is a `TcpTunnel`.
 */
import { TcpTunnel, type TcpHost, type TunnelGoal } from './tcp-tunnel.ts';
import type { Connection } from '../transport/transport.ts';
import { parseAuthority } from './authority.ts';
import type { HttpService, TcpService } from './plan.ts';
import { originalDestinationOf } from './redirected.ts';

/** How often the bytes of open connections are counted: `tcp_reporting_duration` of Istio's statistics filter. */
const reportEveryMs = 15_000;

export class TcpTunnels {
  readonly #host: TcpHost;
  readonly #open = new Set<TcpTunnel>();
  #stopReporting: (() => void) | null = null;

  constructor(host: TcpHost) {
    this.#host = host;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Those of them that are from the mesh. */
  get inbound(): number {
    let count = 0;
    for (const { direction } of this.#open) if (direction === 'inbound') count++;
    return count;
  }

  /** Passes a connection through as its chain says. `serverName`: of its TLS hello, which is passed on with all that follows. */
  serve(connection: Connection, service: TcpService, serverName = ''): void {
    const { config } = service;
    this.#start(connection, {
      clusterName: service.chooseCluster(),
      chainName: service.chainName,
      serverName,
      direction: service.direction,
      destination: originalDestinationOf(connection),
      idleTimeoutMs: config.idleTimeoutMs,
      maxDurationMs: config.maxDurationMs,
      maxAttempts: Math.max(1, config.maxConnectAttempts),
      hashPolicies: config.hashPolicies,
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
      chainName: '',
      serverName: '',
      direction: 'outbound',
      destination: parseAuthority(authority, 443),
      idleTimeoutMs: service.manager.idleTimeoutMs,
      maxDurationMs: 0,
      maxAttempts: 1,
      hashPolicies: [],
      accessLogs: service.accessLogs,
    });
  }

  close(): void {
    for (const tunnel of this.#open) tunnel.stop();
  }

  #start(connection: Connection, goal: TunnelGoal): void {
    const tunnel = new TcpTunnel(this.#host, connection, goal, () => this.#forget(tunnel));
    this.#open.add(tunnel);
    if (this.#stopReporting === null) this.#armReport();
    tunnel.start();
  }

  #forget(tunnel: TcpTunnel): void {
    this.#open.delete(tunnel);
    if (this.#open.size > 0) return;
    this.#stopReporting?.();
    this.#stopReporting = null;
  }

  /** One timer for all, and none when nothing is open. */
  #armReport(): void {
    this.#stopReporting = this.#host.clock.after(reportEveryMs, () => {
      for (const tunnel of this.#open) tunnel.report();
      this.#armReport();
    });
  }
}
