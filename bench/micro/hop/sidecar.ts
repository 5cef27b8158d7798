/** One hop of the benchmark's pairs above its sockets: its configuration, connections, exchanges, pools, log and metrics. */
import { systemClock } from '#shared/runtime/clock.ts';
import { callerId, calleeId, makeCertificates } from '../../certificates.ts';
import { envoyConfig } from '../../peers/envoy-config.ts';
import { plainShape, type Hop, type Wire } from '../../peers/pair.ts';
import { parseBootstrap } from '../../../sidecar/bootstrap/bootstrap.ts';
import { compilePlan } from '../../../sidecar/compile/compile-plan.ts';
import { defaultHttp2Options } from '../../../sidecar/http2/options.ts';
import { Http1ClientConnection } from '../../../sidecar/net/http1-client-connection.ts';
import { Http2ClientConnection } from '../../../sidecar/net/http2-client-connection.ts';
import { TimerWheel } from '../../../sidecar/net/timer-wheel.ts';
import { aTls } from '../../../sidecar/filters/contexts.fixture.ts';
import { LiveCalls } from '../../../sidecar/proxy/grpc-messages.ts';
import { HttpConnections } from '../../../sidecar/proxy/http-connections.ts';
import { chainsOf, emptyPlan } from '../../../sidecar/proxy/plan.ts';
import { openAccessLog } from '../../../sidecar/telemetry/access-log-writer.ts';
import { AccessLogWriters } from '../../../sidecar/telemetry/access-log-writers.ts';
import { SeriesRegistry } from '../../../sidecar/telemetry/series.ts';
import { TelemetryObserver } from '../../../sidecar/telemetry-observer.ts';
import type { TlsFacts } from '../../../sidecar/transport/transport.ts';
import { Cluster, type PoolScope } from '../../../sidecar/upstream/cluster.ts';
import { HttpPool } from '../../../sidecar/upstream/http-pool.ts';
import type { Peers } from './peers.ts';
import { WireConnection } from './wire.ts';

const clientLimits = { maxHeadBytes: 60 * 1024, maxFields: 100, lenient: false };

export type RigOptions = Readonly<{ wire: Wire; hop: Hop; upstream: Peers; folder: string }>;

/** A sidecar whose upstream is played, and to which clients are attached. */
export class Rig {
  readonly #options: RigOptions;
  readonly #wheel = new TimerWheel(systemClock);
  readonly #serve: (connection: WireConnection) => void;
  /** Upstream connections that were asked, with the answers that are due. */
  #due: [WireConnection, Buffer][] = [];

  private constructor(options: RigOptions, serve: (rig: Rig) => (connection: WireConnection) => void) {
    this.#options = options;
    this.#serve = serve(this);
  }

  static async start(options: RigOptions): Promise<Rig> {
    const { folder, wire, hop } = options;
    const ports = { outPort: 15_001, inPort: 15_006, backendPort: 8080, adminPorts: { in: 1, out: 2 } };
    const config = envoyConfig(hop, {
      folder,
      certificates: makeCertificates(folder),
      ...ports,
      wire,
      shape: plainShape,
    });
    const bootstrap = await parseBootstrap(JSON.stringify(config));
    if (!bootstrap.ok) throw new Error(JSON.stringify(bootstrap.problems));
    return new Rig(options, (rig) => rig.#open(bootstrap.value.snapshot));
  }

  /** Attaches a client; `peer` gets what is sent to it. */
  connect(peer: (bytes: Buffer) => void): WireConnection {
    const connection = new WireConnection(this.#options.hop === 'in' ? tlsOf(calleeId, callerId) : null, peer);
    this.#serve(connection);
    return connection;
  }

  /** A turn of the loop, at whose end the upstream answers. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const due = this.#due;
    this.#due = [];
    for (const [connection, answer] of due) connection.deliver(answer);
  }

  #open(snapshot: Parameters<typeof compilePlan>[0]): (connection: WireConnection) => void {
    const writers = new AccessLogWriters({ open: openAccessLog, clock: systemClock, logger: console });
    const { plan } = compilePlan(snapshot, emptyPlan, {
      random: Math.random,
      compat: 'tulle',
      writers,
      createCluster: (config, endpoints) =>
        new Cluster(config, endpoints, {
          clock: systemClock,
          random: Math.random,
          resolve: () => Promise.reject(new Error('no DNS here')),
          onOutlierEvent: () => undefined,
          sparesRefusing: () => true,
          createPool: (scope) => this.#createPool(scope),
        }),
      onProblem: (what, problems) => {
        throw new Error(`${what}: ${problems}`);
      },
    });
    const own = { name: 'hop', namespace: 'default', labels: { app: 'hop' }, principal: () => calleeId };
    const observer = new TelemetryObserver(new SeriesRegistry({ onSeries: () => undefined }), own);
    const connections = new HttpConnections(
      {
        currentPlan: () => plan,
        clock: systemClock,
        random: Math.random,
        wheel: this.#wheel,
        ownAddress: '127.0.0.1',
        observe: observer.observe.bind(observer),
        calls: new LiveCalls(systemClock, observer.observeMessages.bind(observer)),
      },
      { tunnelTo: () => undefined },
    );
    const [chain] = chainsOf(plan);
    if (chain?.handler.kind !== 'http') throw new Error('no HTTP');
    const { service } = chain.handler;
    return (connection) => connections.serve(connection, chain, service);
  }

  #createPool({ host, config, stats }: PoolScope): HttpPool {
    const { upstream, hop } = this.#options;
    return new HttpPool({
      host,
      stats,
      clock: systemClock,
      random: Math.random,
      limits: { ...config.http, expectedStreams: upstream.protocol === 'http1' ? 1 : 100 },
      connect: (events, handler) => {
        const open = setImmediate(() => {
          const connection = new WireConnection(hop === 'out' ? tlsOf(callerId, calleeId) : null, (bytes, from) => {
            const answer = upstream.answer(bytes);
            if (answer !== null) this.#due.push([from, answer]);
          });
          const setup = { wheel: this.#wheel, options: defaultHttp2Options };
          const client =
            upstream.protocol === 'http2'
              ? new Http2ClientConnection(connection, events, setup)
              : new Http1ClientConnection(connection, events, clientLimits);
          const greeting = upstream.serverGreeting();
          if (greeting !== null) connection.deliver(greeting);
          handler.onConnected(client);
        });
        return () => clearImmediate(open);
      },
    });
  }
}

const tlsOf = (own: string, peer: string): TlsFacts =>
  aTls({ peerUriSans: [peer], peerCertificateSha256: 'ab'.repeat(32), localUriSan: own });
