/**
 * The data path of one worker: the plan in force, its listeners, connections and clusters. In: snapshots. A snapshot is compiled
 * into a plan, listeners are bound and released to match, and connections of chains that are gone are ended in good order.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { BoundListeners } from './bound-listeners.ts';
import { compilePlan, type PlanTools } from './compile/compile-plan.ts';
import { systemResolve } from './net/dns.ts';
import type { Neighbours, PathLog } from './neighbours.ts';
import { SocketCalls } from './net/listening-socket.ts';
import { loadOriginalDestination, type OriginalDestination } from './net/original-destination.ts';
import { WorkloadSecrets } from './net/secret-store.ts';
import { TimerWheel } from './net/timer-wheel.ts';
import { TlsContext } from './net/tls-contexts.ts';
import { TlsAcceptor } from './net/tls-server.ts';
import { Acceptor } from './proxy/acceptor.ts';
import { Connector } from './proxy/connector.ts';
import { LiveCalls } from './proxy/grpc-messages.ts';
import { HttpConnections } from './proxy/http-connections.ts';
import { PathEnd, type HandOver, type PathLoad } from './path-end.ts';
import { chainsOf, emptyPlan, type Plan, type PlanChain } from './proxy/plan.ts';
import { TcpTunnels } from './proxy/tcp-tunnels.ts';
import { readSecrets } from './proxy/read-secrets.ts';
import { toTlsSettings } from './routing/tls-names.ts';
import { compatOf, type Snapshot } from './snapshot/snapshot.ts';
import { AccessLogWriters } from './telemetry/access-log-writers.ts';
import { SeriesRegistry } from './telemetry/series.ts';
import { TelemetryObserver, type OwnWorkload } from './telemetry-observer.ts';
import { Cluster, type ClusterContext } from './upstream/cluster.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';

export type DataPathOptions = Readonly<{
  clock: Clock;
  random: Random;
  logger: PathLog;
  certificates: Watch<WorkloadCertificate | null>;
  own: OwnWorkload;
  /** Whose defaults hold where the configuration does not say. */
  compat: 'tulle' | 'istio';
  ownAddress: string;
  neighbours: Neighbours;
}>;

/** Envoy's default of a cluster's `update_merge_window`. */
const envoysMergeWindowMs = 1000;

export class DataPath {
  readonly series: SeriesRegistry;
  readonly #options: DataPathOptions;
  readonly #wheel: TimerWheel;
  readonly #secrets: WorkloadSecrets;
  readonly #http: HttpConnections;
  readonly #tcp: TcpTunnels;
  readonly #tools: PlanTools;
  readonly #writers: AccessLogWriters;
  readonly #acceptors = new WeakMap<PlanChain, TlsAcceptor>();
  readonly #listeners: BoundListeners;
  readonly #end: PathEnd;
  #isListening = false;
  #originalDestination: OriginalDestination | null = null;
  #socketCalls: SocketCalls | null = null;
  #plan: Plan = emptyPlan;
  #compat: 'tulle' | 'istio';
  #applying: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: DataPathOptions) {
    const { clock, random, logger } = options;
    this.#options = options;
    this.series = new SeriesRegistry({ onSeries: options.neighbours.onSeries });
    this.#compat = options.compat;
    this.#writers = new AccessLogWriters({ open: options.neighbours.openLog, clock, logger });
    this.#wheel = new TimerWheel(clock);
    this.#secrets = new WorkloadSecrets({
      workload: options.certificates,
      clock,
      onProblem: (path, error) =>
        logger.warn({ path, reason: describeError(error) }, 'a certificate file cannot be read'),
    });
    const socketCalls = () => this.#socketCalls;
    const connector = new Connector({ secrets: this.#secrets, clock, random, wheel: this.#wheel, socketCalls });
    const observer = new TelemetryObserver(this.series, options.own);
    const currentPlan = () => this.#plan;
    this.#tcp = new TcpTunnels({ currentPlan, clock, connector, observer });
    const host = {
      currentPlan,
      clock,
      random,
      wheel: this.#wheel,
      ownAddress: options.ownAddress,
      observe: observer.observe.bind(observer),
      calls: new LiveCalls(clock, observer.observeMessages.bind(observer)),
    };
    this.#http = new HttpConnections(host, this.#tcp);
    this.#tools = this.#makeTools(connector);
    this.#listeners = new BoundListeners({
      neighbours: options.neighbours,
      logger,
      accept: (name) => {
        const acceptor = new Acceptor(this.#acceptHost(), name);
        return (socket) => acceptor.accept(socket);
      },
    });
    this.#end = new PathEnd({ clock, listeners: this.#listeners, http: this.#http, tcp: this.#tcp });
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** Open downstream connections. */
  get connections(): number {
    return this.#http.count + this.#tcp.count;
  }

  /** Puts a snapshot into force; one after the other. */
  apply(snapshot: Snapshot): Promise<void> {
    this.#applying = this.#applying.then(() => this.#apply(snapshot));
    return this.#applying;
  }

  /** Begins to listen, as the plan in force says and every later one does. Again: what could not be bound before is tried again. */
  listen(): Promise<void> {
    this.#isListening = true;
    this.#applying = this.#applying.then(() => this.#bind());
    return this.#applying;
  }

  /** Where the listeners are bound. */
  addresses(): ReadonlyMap<string, HostPort> {
    return this.#listeners.addresses();
  }

  /** As {@link PathEnd.load}. */
  load(): PathLoad {
    return this.#end.load();
  }

  /** As {@link PathEnd.startDraining}. */
  startDraining(): void {
    this.#end.startDraining();
  }

  /** As {@link PathEnd.stopInbound}. */
  stopInbound(): void {
    this.#end.stopInbound();
  }

  /** As {@link PathEnd.drained}. */
  drained(drainMs: number): Promise<void> {
    return this.#end.drained(drainMs);
  }

  /** As {@link PathEnd.handOver}. */
  async handOver(how: HandOver): Promise<void> {
    this.#isListening = false;
    await this.#applying;
    await this.#end.handOver(how);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#applying;
    this.#listeners.close();
    this.#http.close();
    this.#tcp.close();
    for (const cluster of this.#plan.clusters.values()) cluster.destroy();
    this.#secrets.close();
    this.#wheel.close();
    await this.#writers.close();
  }

  #makeTools(connector: Connector): PlanTools {
    const { clock, random, logger, compat, neighbours } = this.#options;
    const context: ClusterContext = {
      clock,
      random,
      resolve: systemResolve,
      shared: neighbours.shared,
      createPool: (scope) => connector.createPool(scope, this.#compat === 'istio'),
      sparesRefusing: () => this.#compat !== 'istio',
      healthWindowMs: () => (this.#compat === 'istio' ? envoysMergeWindowMs : 0),
      onOutlierEvent: (cluster, event) =>
        logger.info(
          { cluster, host: event.host.key, action: event.action, type: event.type, enforced: event.isEnforced },
          'outlier detection',
        ),
    };
    return {
      random,
      compat,
      writers: this.#writers,
      createCluster: (config, endpoints) => new Cluster(config, endpoints, context),
      onProblem: (name, problems) =>
        logger.error({ name, problems }, 'a resource cannot be compiled; its former version stays'),
    };
  }

  async #apply(snapshot: Snapshot): Promise<void> {
    if (this.#isClosed) return;
    const listeners = [...snapshot.listeners.values()];
    if (this.#originalDestination === null && listeners.some(({ useOriginalDst }) => useOriginalDst))
      this.#originalDestination = await this.#loadOriginalDestination();
    if (this.#socketCalls === null && listeners.some(({ inspect }) => inspect.originalSrcMark !== null))
      this.#socketCalls = await this.#loadSocketCalls();
    this.#compat = compatOf(snapshot) ?? this.#options.compat;
    const { plan, retire } = compilePlan(snapshot, this.#plan, this.#tools);
    this.#plan = plan;
    await readSecrets(plan, this.#secrets);
    await this.#bind();
    this.#endObsolete(plan);
    retire();
  }

  async #loadOriginalDestination(): Promise<OriginalDestination | null> {
    try {
      return await loadOriginalDestination();
    } catch (error) {
      this.#options.logger.error(
        { reason: describeError(error) },
        'redirected connections cannot be told apart: no getsockopt on this system',
      );
      return null;
    }
  }

  async #loadSocketCalls(): Promise<SocketCalls | null> {
    const calls = await SocketCalls.load().catch((error: unknown) => describeError(error));
    if (calls instanceof SocketCalls) return calls;
    this.#options.logger.error({ reason: calls }, 'the application cannot be called in the name of clients');
    return null;
  }

  async #bind(): Promise<void> {
    if (this.#isListening && !this.#isClosed) await this.#listeners.match(this.#plan);
  }

  #acceptHost() {
    return {
      currentPlan: () => this.#plan,
      clock: this.#options.clock,
      originalDestination: this.#originalDestination,
      tlsAcceptor: (chain: PlanChain) => this.#tlsAcceptor(chain),
      serve: (connection: Parameters<HttpConnections['serve']>[0], chain: PlanChain, serverName: string) => {
        if (chain.handler.kind === 'http') this.#http.serve(connection, chain, chain.handler.service);
        else this.#tcp.serve(connection, chain.handler.service, serverName);
      },
      log: (level: 'info' | 'warn', message: string, facts: Record<string, unknown>) =>
        this.#options.logger[level](facts, message),
    };
  }

  #tlsAcceptor(chain: PlanChain): TlsAcceptor | null {
    const { tls, connectTimeoutMs } = chain.config;
    if (tls === null) return null;
    let acceptor = this.#acceptors.get(chain);
    if (acceptor === undefined) {
      const settings = { ...toTlsSettings(tls), requireClientCertificate: tls.requireClientCertificate };
      acceptor = new TlsAcceptor(settings, new TlsContext(settings, this.#secrets), {
        handshakeTimeoutMs: connectTimeoutMs,
        clock: this.#options.clock,
      });
      this.#acceptors.set(chain, acceptor);
    }
    return acceptor;
  }

  /** Connections of chains that no listener has any more end after their request. */
  #endObsolete(plan: Plan): void {
    this.#http.retire(chainsOf(plan));
  }
}
