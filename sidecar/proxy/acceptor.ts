/**
 * Connections as they come in: destination found, listener and filter chain chosen, TLS done, authorization of the connection,
 * then handed to HTTP or TCP. One acceptor serves one bound listener; the plan is read anew for each connection.
 *
 *   socket -> original destination -> listener -> first bytes -> chain -> TLS -> rules -> HttpConnections | TcpTunnel
 */
import type { Socket } from 'node:net';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { NamedSource } from '../net/listening-socket.ts';
import type { OriginalDestination } from '../net/original-destination.ts';
import { sniff, type Sniffed, type Sought } from '../net/sniff.ts';
import type { Destination } from '../net/sockaddr.ts';
import type { TlsAcceptHandler, TlsAcceptor } from '../net/tls-server.ts';
import type { Inspection } from '../snapshot/listener.ts';
import { AccessRecord } from '../telemetry/access-record.ts';
import { connectionOf } from '../transport/connection-of.ts';
import type { Connection } from '../transport/transport.ts';
import type { ConnectionFacts } from './chain-match.ts';
import { openConnectionRecord } from './open-record.ts';
import type { Plan, PlanChain, PlanListener } from './plan.ts';
import { markRedirected } from './redirected.ts';

/** What acceptors share. */
export type AcceptHost = Readonly<{
  currentPlan: () => Plan;
  clock: Clock;
  /** Null where it is not known (no redirect on this system). */
  originalDestination: OriginalDestination | null;
  tlsAcceptor: (chain: PlanChain) => TlsAcceptor | null;
  /** Takes a connection whose chain is chosen. `serverName`: the one that a TLS hello asks for, empty if none was seen. */
  serve: (connection: Connection, chain: PlanChain, serverName: string) => void;
  log: (level: 'info' | 'warn', message: string, facts: Record<string, unknown>) => void;
}>;

/** Where a connection goes on. */
type Found = Readonly<{ listener: PlanListener; destination: Destination; isRedirected: boolean }>;

const maxSniffBytes = 64 * 1024;

export class Acceptor {
  readonly #host: AcceptHost;
  readonly #listenerName: string;

  constructor(host: AcceptHost, listenerName: string) {
    this.#host = host;
    this.#listenerName = listenerName;
  }

  /** A connection, paused. */
  accept(socket: Socket): void {
    socket.on('error', ignore);
    const plan = this.#host.currentPlan();
    const bound = plan.listeners.get(this.#listenerName);
    if (bound === undefined) return void socket.destroy();
    const { config } = bound;
    const wantsOriginal = config.useOriginalDst || config.inspect.originalDst;
    const own = localOf(socket);
    const destination = (wantsOriginal ? this.#host.originalDestination?.(socket) : null) ?? own;
    const listener = config.useOriginalDst ? (listenerFor(plan, destination) ?? bound) : bound;
    // What came to a transparent listener by another port than its own was never ours.
    const isRedirected =
      destination.address !== own.address ||
      destination.port !== own.port ||
      (config.transparent && config.port !== 0 && own.port !== config.port);
    this.#inspect(socket, { listener, destination, isRedirected });
  }

  #inspect(socket: Socket, found: Found): void {
    const { listener, destination } = found;
    const { inspect } = listener.config;
    const sought = soughtOn(listener, inspect, destination.port);
    if (sought === null) return this.#choose(socket, found, { kind: 'other' });
    const limits = { maxBytes: maxSniffBytes, timeoutMs: inspect.timeoutMs, clock: this.#host.clock, sought };
    sniff(socket, limits, (seen) => {
      if (seen.kind === 'closed' || (seen.kind === 'timeout' && !inspect.continueOnTimeout))
        return void socket.destroy();
      this.#choose(socket, found, seen);
    });
  }

  #choose(socket: Socket, { listener, destination, isRedirected }: Found, seen: Sniffed): void {
    const facts = toFacts(socket, destination, seen, listener.config.inspect);
    const chain = listener.matcher.find(facts) ?? listener.defaultChain;
    const { serverName } = facts;
    if (chain === null)
      return this.#refuseUnmatched(connectionOf(socket, null, { local: destination }), listener, facts);
    const admit = (connection: Connection) => {
      if (isRedirected) markRedirected(connection, namedSource(connection, listener.config.inspect));
      this.#admit(connection, chain, serverName);
    };
    if (chain.config.tls === null) return admit(connectionOf(socket, null, { local: destination }));
    const acceptor = this.#host.tlsAcceptor(chain);
    if (acceptor === null) return void socket.destroy();
    const handler: TlsAcceptHandler = {
      onSecure: admit,
      onRefused: (error) => {
        const from = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
        const facts = { from, chain: chain.config.name, reason: describeError(error), ...error.facts };
        this.#host.log('warn', 'a TLS connection was refused', facts);
      },
    };
    acceptor.accept(socket, handler, destination);
  }

  #admit(connection: Connection, chain: PlanChain, serverName: string): void {
    const refusal = chain.refuse(connection);
    if (refusal === null) return this.#host.serve(connection, chain, serverName);
    this.#host.log('info', 'a connection was denied', { from: connection.remoteAddress, reason: refusal });
    connection.reset();
  }

  /** No chain takes it: reset, and logged by the listener's own access log. */
  #refuseUnmatched(connection: Connection, listener: PlanListener, { serverName }: ConnectionFacts): void {
    const record = new AccessRecord();
    record.startTimeMs = this.#host.clock.now();
    openConnectionRecord(record, connection);
    record.sni = serverName;
    record.addFlag('NR');
    record.details = 'filter_chain_not_found';
    record.durationMs = 0;
    connection.reset();
    for (const log of listener.accessLogs) log.log(record);
  }
}

function ignore(): void {
  // Whoever has the socket hears of its end by `close`.
}

/** Who called, where upstreams are to see that. */
function namedSource({ remoteAddress }: Connection, { originalSrcMark }: Inspection): NamedSource | null {
  return originalSrcMark === null ? null : { address: remoteAddress, mark: originalSrcMark };
}

function localOf(socket: Socket): Destination {
  return { address: (socket.localAddress ?? '').replace(/^::ffff:/, ''), port: socket.localPort ?? 0 };
}

/** The listener of exactly this address, else of the port on any address, that gets its connections handed over. */
function listenerFor(plan: Plan, { address, port }: Destination): PlanListener | null {
  let onAnyAddress: PlanListener | null = null;
  for (const listener of plan.listeners.values()) {
    const { config } = listener;
    if (config.bindToPort || config.port !== port) continue;
    if (config.address === address) return listener;
    if (config.address === '0.0.0.0' || config.address === '::') onAnyAddress = listener;
  }
  return onAnyAddress;
}

/** What the first bytes are looked at for: only where a choice can hang on them, and an inspector is not switched off for the port. */
function soughtOn(listener: PlanListener, inspect: Inspection, port: number): Sought | null {
  if (!listener.matcher.needsBytes) return null;
  const sought = { tls: isActive(inspect, 'tls', port), http: isActive(inspect, 'http', port) };
  return sought.tls || sought.http ? sought : null;
}

function isActive(inspect: Inspection, inspector: 'tls' | 'http', port: number): boolean {
  if (!inspect[inspector]) return false;
  return !inspect.disabledPorts.some(
    (range) => range.inspector === inspector && port >= range.start && port < range.end,
  );
}

function toFacts(socket: Socket, destination: Destination, seen: Sniffed, inspect: Inspection): ConnectionFacts {
  const isTls = seen.kind === 'tls' && isActive(inspect, 'tls', destination.port);
  return {
    destinationAddress: destination.address,
    destinationPort: destination.port,
    sourceAddress: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
    sourcePort: socket.remotePort ?? 0,
    serverName: isTls ? seen.serverName : '',
    transportProtocol: isTls ? 'tls' : 'raw_buffer',
    applicationProtocols: isTls ? seen.alpn : isActive(inspect, 'http', destination.port) ? httpProtocols(seen) : [],
  };
}

function httpProtocols(seen: Sniffed): readonly string[] {
  if (seen.kind === 'http2') return ['h2c'];
  return seen.kind === 'http1' ? [`http/${seen.version}`] : [];
}
