/** The HTTP connections of a sidecar: makes an exchange of each request, answers what is malformed, drains. */
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { BadRequest, RequestSink, ServerConnectionHandler, ServerStream } from '../net/http-stream.ts';
import { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';
import { ConnectTunnel, type TunnelHost } from './connect-tunnel.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeHost } from './exchange-host.ts';
import type { HttpService, PlanChain } from './plan.ts';
import { serveHttp, type ServerConnection } from './server-codec.ts';

type Open = Readonly<{ connection: ServerConnection; carrier: Connection; chain: PlanChain }>;

/** How long an idle connection of a chain that is gone may still bring a request. */
const retireAfterMs = 1000;

export class HttpConnections {
  readonly #host: ExchangeHost;
  readonly #tunnels: TunnelHost;
  readonly #open = new Set<Open>();
  /** Taken out of HTTP by a CONNECT, and silent so far. */
  readonly #unknown = new Set<Connection>();
  #draining: 'none' | 'inbound' | 'all' = 'none';
  /** Chains that no listener has any more. */
  readonly #gone = new WeakSet<PlanChain>();

  constructor(host: ExchangeHost, tunnels: TunnelHost) {
    this.#host = host;
    this.#tunnels = tunnels;
  }

  /** Connections that are open. */
  get count(): number {
    return this.#open.size + this.#unknown.size;
  }

  /** Connections with a request under way, or with an answer of which the system has not taken all. */
  get active(): number {
    return this.#countActive(() => true);
  }

  /** Those of them that are from the mesh. */
  get activeInbound(): number {
    return this.#countActive(({ direction }) => direction === 'inbound');
  }

  /** Takes over a connection. */
  serve(connection: Connection, chain: PlanChain, service: HttpService): void {
    const handler = new Handler(this.#host, service, {
      onClose: () => this.#open.delete(entry),
      onConnect: (stream, head) => {
        this.#open.delete(entry);
        this.#connectTunnel(stream, head, chain, service);
      },
      isLast: () => this.#gone.has(chain) || this.#isDraining(chain),
    });
    const http = serveHttp(connection, handler, {
      wheel: this.#host.wheel,
      manager: service.manager,
      compat: service.compat,
    });
    const entry: Open = { connection: http, carrier: connection, chain };
    this.#open.add(entry);
  }

  /** Ends connections in good order: idle ones at once, others with the answer under way. */
  drain(shouldEnd: (chain: PlanChain) => boolean): void {
    for (const { connection, chain } of this.#open) if (shouldEnd(chain)) connection.drain();
  }

  /**
   * From now on connections from the mesh (`inbound`), or all, are told to go elsewhere, with their next answer: an idle one is not
   * closed yet, for a request may be on its way. Late connections are served once more.
   */
  startDraining(which: 'inbound' | 'all'): void {
    if (this.#draining !== 'all') this.#draining = which;
    this.#tellBusy((chain) => this.#isDraining(chain));
  }

  /** Connections of chains that are gone end with their next answer; those that stay idle end after a while. */
  retire(live: ReadonlySet<PlanChain>): void {
    const isGone = (chain: PlanChain) => !live.has(chain);
    let count = 0;
    for (const { chain } of this.#open) {
      if (!isGone(chain)) continue;
      this.#gone.add(chain);
      count++;
    }
    if (count === 0) return;
    this.#tellBusy(isGone);
    this.#host.clock.after(retireAfterMs, () => this.drain((chain) => this.#gone.has(chain)));
  }

  #countActive(isCounted: (chain: PlanChain) => boolean): number {
    let active = 0;
    for (const { connection, carrier, chain } of this.#open)
      if (isCounted(chain) && (!connection.isIdle || carrier.bytesQueued > 0)) active++;
    return active;
  }

  #isDraining(chain: PlanChain): boolean {
    return this.#draining === 'all' || (this.#draining === 'inbound' && chain.direction === 'inbound');
  }

  #tellBusy(shouldEnd: (chain: PlanChain) => boolean): void {
    for (const { connection, chain } of this.#open) if (shouldEnd(chain) && !connection.isIdle) connection.drain();
  }

  close(): void {
    for (const { connection } of this.#open) connection.close();
    for (const connection of this.#unknown) connection.destroy();
  }

  #connectTunnel(stream: ServerStream, head: RequestHead, chain: PlanChain, service: HttpService): void {
    stream.sendHead(
      { status: 200, reason: '', version: 'HTTP/1.1', headers: new HeaderMap(), contentLength: 0, upgrade: null },
      false,
    );
    const connection = stream.takeOver();
    this.#unknown.add(connection);
    new ConnectTunnel(connection, {
      onHttp: () => this.serve(connection, chain, service),
      onOther: () => this.#tunnels.tunnelTo(connection, head.authority, service),
      onLeave: () => this.#unknown.delete(connection),
    }).start();
  }
}

type HandlerHooks = Readonly<{
  onClose: () => void;
  onConnect: (stream: ServerStream, head: RequestHead) => void;
  /** The connection is to end with its next answer. */
  isLast: () => boolean;
}>;

const nobody: RequestSink = { onData() {}, onTrailers() {}, onWritable() {}, onAbort() {} };

class Handler implements ServerConnectionHandler {
  readonly #host: ExchangeHost;
  readonly #service: HttpService;
  readonly #hooks: HandlerHooks;

  constructor(host: ExchangeHost, service: HttpService, hooks: HandlerHooks) {
    this.#host = host;
    this.#service = service;
    this.#hooks = hooks;
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): RequestSink {
    if (head.method === 'CONNECT' && this.#service.isForwardProxy) {
      // The stream is given away once the connection has taken note of its sink.
      queueMicrotask(() => this.#hooks.onConnect(stream, head));
      return nobody;
    }
    if (this.#hooks.isLast()) stream.closeAfter();
    const exchange = new Exchange(this.#host, this.#service, { stream, head, end });
    try {
      exchange.start();
    } catch (error) {
      exchange.fail({ kind: 'internal', detail: describeError(error) });
    }
    return exchange;
  }

  onBadRequest(stream: ServerStream, bad: BadRequest): void {
    new Exchange(this.#host, this.#service, { stream, head: unreadableHead(bad), end: true }).refuse(bad);
  }

  onMalformed(stream: ServerStream, bad: BadRequest): void {
    const cause = { kind: 'protocolError', detail: bad.message } as const;
    new Exchange(this.#host, this.#service, { stream, head: unreadableHead(bad), end: true }).onAbort(cause);
  }

  onClose(): void {
    this.#hooks.onClose();
  }
}

/** What could be read of a malformed request, for its log line. */
function unreadableHead({ version, method, path, authority }: BadRequest): RequestHead {
  return {
    method,
    path,
    authority,
    scheme: 'http',
    version,
    headers: new HeaderMap(),
    upgrade: null,
    contentLength: 0,
    expectsContinue: false,
    isAbsoluteForm: false,
  };
}
