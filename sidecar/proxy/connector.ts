/**
 * Connections to hosts: the cluster's transport for this host's labels, TLS with the workload's certificate and the expected
 * names, or plaintext. Pools (HTTP) and tunnels (TCP) both connect through it.
 */
import { isIP } from 'node:net';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { dial, type DialHandler } from '../net/dialer.ts';
import type { SocketCalls } from '../net/listening-socket.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { Http1ClientConnection } from '../net/http1-client-connection.ts';
import { Http2ClientConnection } from '../net/http2-client-connection.ts';
import type { ClientConnectionHandler } from '../net/http-stream.ts';
import type { SecretStore } from '../net/secret-store.ts';
import type { TimerWheel } from '../net/timer-wheel.ts';
import { TlsContext } from '../net/tls-contexts.ts';
import { toTlsSettings } from '../routing/tls-names.ts';
import type { ClusterConfig, UpstreamTransport } from '../snapshot/cluster.ts';
import type { Http2Limits } from '../snapshot/http2-limits.ts';
import type { UpstreamTls } from '../snapshot/tls-context.ts';
import type { Connection } from '../transport/transport.ts';
import type { PoolScope } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { HttpPool } from '../upstream/http-pool.ts';
import type { ConnectHandler } from '../upstream/http-pool-options.ts';
import { transportOf } from '../upstream/transport-match.ts';
import type { UpstreamProtocol } from '../upstream/upstream-protocol.ts';
import type { Random } from '#shared/runtime/random.ts';

/** What a connection is for: opaque bytes, or HTTP of these versions. */
type Purpose = 'tcp' | UpstreamProtocol;

export type ConnectorOptions = Readonly<{
  secrets: SecretStore;
  clock: Clock;
  random: Random;
  wheel: TimerWheel;
  /** What opens sockets in the name of clients; null while nobody needs it, or where it does not work. */
  socketCalls: () => SocketCalls | null;
}>;

const clientLimits = { maxHeadBytes: 60 * 1024, maxFields: 100, lenient: false };
const lenientLimits = { ...clientLimits, lenient: true };

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #contexts: Readonly<Record<Purpose, WeakMap<UpstreamTls, TlsContext>>> = {
    tcp: new WeakMap(),
    http1: new WeakMap(),
    http2: new WeakMap(),
    negotiated: new WeakMap(),
  };

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** The pool of a host. `lenient`: responses are read as Istio's Envoy reads them, and mesh peers get HTTP/1.1, as Istio's do. */
  createPool({ host, protocol, transport, config, stats }: PoolScope, lenient: boolean): HttpPool {
    const { clock, random } = this.#options;
    const purpose = protocol === 'negotiated' && !isNegotiable(config, transport, lenient) ? 'http1' : protocol;
    return new HttpPool({
      host,
      stats,
      clock,
      random,
      limits: { ...config.http, expectedStreams: purpose === 'http1' ? 1 : expectedStreams },
      connect: (events, handler) =>
        this.#connectHttp({ config, host, transport }, { purpose, lenient, events, handler }),
    });
  }

  /** A bare connection to a host, for TCP. Returns how to give up. */
  connectTcp(config: ClusterConfig, host: Host, handler: DialHandler): () => void {
    return this.#dial({ config, host, transport: transportOf(config, host.endpoint.transportLabels) }, 'tcp', handler);
  }

  #connectHttp(target: Target, { purpose, lenient, events, handler }: HttpConnect): () => void {
    return this.#dial(target, purpose, {
      onConnected: (connection) => {
        const isHttp2 = purpose === 'http2' || (purpose === 'negotiated' && speaksHttp2(connection));
        handler.onConnected(
          isHttp2
            ? new Http2ClientConnection(connection, events, {
                wheel: this.#options.wheel,
                options: http2Options(target.config.http.http2),
              })
            : new Http1ClientConnection(connection, events, lenient ? lenientLimits : clientLimits),
        );
      },
      onFailed: (error) => handler.onFailed(error),
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
      sourceAddress: config.sourceAddresses.find((source) => isIP(source) === isIP(host.address)) ?? null,
      openSocket: this.#opener(host),
      connectTimeoutMs: config.connectTimeoutMs,
      keepAlive: config.tcpKeepalive,
      tls,
    };
    return dial(target, this.#options.clock, handler);
  }

  /** Who is not there, or may not, is not impersonated: the connection fails, and the reason says so. */
  #opener({ inNameOf }: Host): (() => number) | null {
    if (inNameOf === null) return null;
    return () => {
      const calls = this.#options.socketCalls();
      if (calls === null) throw new MeshError('unsupported', 'sockets cannot be opened in the name of a client here');
      return calls.openInNameOf(inNameOf);
    };
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

type HttpConnect = Readonly<{
  purpose: UpstreamProtocol;
  lenient: boolean;
  events: ClientConnectionHandler;
  handler: ConnectHandler;
}>;

/** Envoy's guess for a connection whose settings did not come yet. */
const expectedStreams = 100;

/** Whether HTTP/2 may come of a handshake: where the cluster leaves it open, and between sidecars. */
function isNegotiable({ http }: ClusterConfig, transport: UpstreamTransport, lenient: boolean): boolean {
  if (transport.kind !== 'upstream') return false;
  return http.protocol === 'auto' || (http.isMultiplexed && !lenient && isOfMesh(transport.alpn));
}

function isOfMesh(alpn: readonly string[]): boolean {
  return alpn.some((protocol) => protocol.startsWith('istio'));
}

function speaksHttp2({ tls }: Connection): boolean {
  return tls?.alpn === 'h2' || tls?.alpn === 'istio-h2';
}

const optionsOf = new WeakMap<Http2Limits, Http2Options>();

function http2Options(limits: Http2Limits): Http2Options {
  let options = optionsOf.get(limits);
  if (options === undefined) {
    options = { ...defaultHttp2Options, ...limits };
    optionsOf.set(limits, options);
  }
  return options;
}

/**
 * What is offered: to mesh peers (`istio` in the configuration) the protocol that is spoken inside, as Istio's ALPN filter does; to
 * others what the configuration says, or what the protocol is called (Envoy's fallback).
 */
function alpnFor(configured: readonly string[], purpose: Purpose): readonly string[] {
  if (isOfMesh(configured)) return meshAlpn[purpose];
  switch (purpose) {
    case 'tcp':
      return configured;
    case 'http1':
      return configured.filter((protocol) => protocol !== 'h2');
    case 'http2':
      return configured.length > 0 ? configured : ['h2'];
    case 'negotiated':
      return configured.length > 0 ? configured : ['h2', 'http/1.1'];
  }
}

const meshAlpn: Readonly<Record<Purpose, readonly string[]>> = {
  tcp: ['istio'],
  http1: ['istio-http/1.1', 'istio'],
  http2: ['istio-h2', 'istio'],
  negotiated: ['istio-h2', 'istio-http/1.1', 'istio'],
};
