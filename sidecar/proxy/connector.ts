/**
 * Connections to hosts: the cluster's transport for this host's labels, TLS with the workload's certificate and the expected
 * names, or plaintext. Pools (HTTP) and tunnels (TCP) both connect through it.
 */
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { dial, type DialHandler } from '../net/dialer.ts';
import { Http1ClientConnection } from '../net/http1-client-connection.ts';
import type { ClientConnectionHandler } from '../net/http-stream.ts';
import type { SecretStore } from '../net/secret-store.ts';
import { TlsContext } from '../net/tls-contexts.ts';
import { toTlsSettings } from '../routing/tls-names.ts';
import type { ClusterConfig, UpstreamTransport } from '../snapshot/cluster.ts';
import type { UpstreamTls } from '../snapshot/tls-context.ts';
import type { PoolScope } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { HttpPool } from '../upstream/http-pool.ts';
import type { ConnectHandler } from '../upstream/http-pool-options.ts';
import { transportOf } from '../upstream/transport-match.ts';
import type { Random } from '#shared/runtime/random.ts';

type Purpose = 'http' | 'tcp';

export type ConnectorOptions = Readonly<{ secrets: SecretStore; clock: Clock; random: Random }>;

const clientLimits = { maxHeadBytes: 60 * 1024, maxFields: 100, lenient: false };
const lenientLimits = { ...clientLimits, lenient: true };

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #contexts = { http: new WeakMap<UpstreamTls, TlsContext>(), tcp: new WeakMap<UpstreamTls, TlsContext>() };

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** The pool of a host. `lenient`: responses are read as Istio's Envoy reads them. */
  createPool({ host, transport, config, stats }: PoolScope, lenient: boolean): HttpPool {
    const { clock, random } = this.#options;
    return new HttpPool({
      host,
      stats,
      clock,
      random,
      limits: { ...config.http, expectedStreams: 1 },
      connect: (events, handler) => this.#connectHttp({ config, host, transport }, lenient, { events, handler }),
    });
  }

  /** A bare connection to a host, for TCP. Returns how to give up. */
  connectTcp(config: ClusterConfig, host: Host, handler: DialHandler): () => void {
    return this.#dial({ config, host, transport: transportOf(config, host.endpoint.transportLabels) }, 'tcp', handler);
  }

  #connectHttp(
    target: Target,
    lenient: boolean,
    to: { events: ClientConnectionHandler; handler: ConnectHandler },
  ): () => void {
    return this.#dial(target, 'http', {
      onConnected: (connection) =>
        to.handler.onConnected(
          new Http1ClientConnection(connection, to.events, lenient ? lenientLimits : clientLimits),
        ),
      onFailed: (error) => to.handler.onFailed(error),
    });
  }

  #dial({ config, host, transport }: Target, purpose: Purpose, handler: DialHandler): () => void {
    let tls: { context: TlsContext; serverName: string | null } | null = null;
    try {
      if (transport.kind === 'upstream') {
        const hostname = host.endpoint.hostname === '' ? null : host.endpoint.hostname;
        tls = {
          context: this.#context(transport, purpose),
          serverName: transport.autoHostSni ? hostname : transport.sni,
        };
      }
    } catch (cause) {
      const error =
        cause instanceof MeshError ? cause : new MeshError('certificate', 'no TLS to the upstream', { cause });
      return this.#options.clock.after(0, () => handler.onFailed(error));
    }
    const target = {
      address: host.address,
      port: host.port,
      sourceAddress: config.sourceAddress,
      connectTimeoutMs: config.connectTimeoutMs,
      keepAlive: config.tcpKeepalive,
      tls,
    };
    return dial(target, this.#options.clock, handler);
  }

  #context(tls: UpstreamTls, purpose: Purpose): TlsContext {
    const known = this.#contexts[purpose].get(tls);
    if (known !== undefined) return known;
    const settings = { ...toTlsSettings(tls), alpn: alpnFor(tls.alpn, purpose) };
    const context = new TlsContext(settings, this.#options.secrets);
    this.#contexts[purpose].set(tls, context);
    return context;
  }
}

type Target = Readonly<{ config: ClusterConfig; host: Host; transport: UpstreamTransport }>;

/**
 * What is offered: to mesh peers (`istio` in the configuration) the protocol that is spoken inside, as Istio's ALPN filter does; to
 * others what the configuration says, without HTTP/2, which is not spoken yet.
 */
function alpnFor(configured: readonly string[], purpose: Purpose): readonly string[] {
  if (configured.some((protocol) => protocol.startsWith('istio')))
    return purpose === 'http' ? ['istio-http/1.1', 'istio'] : ['istio'];
  return configured.filter((protocol) => protocol !== 'h2');
}
