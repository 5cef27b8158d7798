import { connect as connectTcp, isIP, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { connectionOf } from '../transport/connection-of.ts';
import { ReadInlet } from '../transport/read-inlet.ts';
import type { Connection, TlsFacts } from '../transport/transport.ts';
import type { TlsContext, TlsMaterial } from './tls-contexts.ts';
import { explainChainError, judgeNames, peerCertificateOf, peerRefused, toTlsFacts } from './tls-peer.ts';

/** Where to connect to, and how. */
export type DialTarget = Readonly<{
  /** An IP address, or the path of a unix socket when the port is 0. */
  address: string;
  port: number;
  /** Local address of the connection, if it matters; used when it is of the same family. */
  sourceAddress: string | null;
  /** Opens the socket to connect with, one that is bound already; null: one of Node's own. Throws a MeshError. */
  openSocket?: (() => number) | null;
  /** For the connection and the TLS handshake together; 0: none. */
  connectTimeoutMs: number;
  keepAlive: Readonly<{ idleSeconds: number }> | null;
  /** Null: plaintext. */
  tls: Readonly<{ context: TlsContext; serverName: string | null }> | null;
}>;

/** Who hears of the outcome: one of the two, once, after `dial` returned, and neither after it was cancelled. */
export interface DialHandler {
  onConnected(connection: Connection): void;
  /** `connect_refused`, `connect_timeout`, `connection_reset`, `tls_handshake`, `peer_identity` or `certificate`. */
  onFailed(error: MeshError): void;
}

/** Connects, does the TLS handshake and judges the peer: nobody gets the connection before. Returns how to give up. */
export function dial(target: DialTarget, clock: Clock, handler: DialHandler): () => void {
  const attempt = new Attempt(target, clock, handler);
  attempt.start();
  return () => attempt.cancel();
}

class Attempt {
  readonly #target: DialTarget;
  readonly #clock: Clock;
  readonly #handler: DialHandler;
  #socket: Socket | null = null;
  #stopTimer: (() => void) | null = null;
  #isOver = false;

  constructor(target: DialTarget, clock: Clock, handler: DialHandler) {
    this.#target = target;
    this.#clock = clock;
    this.#handler = handler;
  }

  start(): void {
    const { connectTimeoutMs, tls } = this.#target;
    if (connectTimeoutMs > 0)
      this.#stopTimer = this.#clock.after(connectTimeoutMs, () =>
        this.#fail(new MeshError('connect_timeout', `no connection to ${this.#name} in ${connectTimeoutMs} ms`)),
      );
    const material = this.#materialOf(tls);
    if (material instanceof MeshError) {
      setImmediate(() => this.#fail(material));
      return;
    }
    const inlet = tls === null ? new ReadInlet() : null;
    const socket = this.#openSocket(inlet);
    if (socket === null) return;
    this.#socket = socket;
    socket.on('error', this.#onError);
    socket.once('connect', () => {
      if (tls === null || material === null) this.#succeed(socket, null, inlet);
      else this.#secure(socket, tls, material);
    });
  }

  cancel(): void {
    this.#finish();
    this.#drop();
  }

  get #name(): string {
    const { address, port } = this.#target;
    return port === 0 ? address : `${address}:${port}`;
  }

  #materialOf(tls: DialTarget['tls']): TlsMaterial | MeshError | null {
    if (tls === null) return null;
    try {
      return tls.context.current();
    } catch (error) {
      return error instanceof MeshError ? error : new MeshError('certificate', 'no TLS here', { cause: error });
    }
  }

  /** Null: it failed, which is told later. */
  #openSocket(inlet: ReadInlet | null): Socket | null {
    try {
      return this.#connectSocket(inlet);
    } catch (cause) {
      const error = new MeshError('connect_refused', `${this.#name} cannot be connected to`, { cause });
      setImmediate(() => this.#fail(error));
      return null;
    }
  }

  /** Plaintext is read by the inlet into a shared buffer; under TLS the socket's handle is read by OpenSSL. */
  #connectSocket(inlet: ReadInlet | null): Socket {
    const { address, port, sourceAddress, keepAlive, openSocket = null } = this.#target;
    const reading = inlet === null ? {} : { onread: inlet.onread };
    if (port === 0) return connectTcp({ path: address, allowHalfOpen: true, ...reading });
    const binds = openSocket === null && sourceAddress !== null && isIP(sourceAddress) === isIP(address);
    const options = {
      ...reading,
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      autoSelectFamily: false,
      keepAlive: keepAlive !== null,
      ...(keepAlive === null ? {} : { keepAliveInitialDelay: keepAlive.idleSeconds * 1000 }),
      ...(binds ? { localAddress: sourceAddress } : {}),
    };
    if (openSocket === null) return connectTcp(options);
    // Not read before it is connected (an option that is not documented): that would be an error.
    const handed = { ...options, fd: openSocket(), manualStart: true };
    return new Socket(handed).connect(options);
  }

  #secure(socket: Socket, tls: NonNullable<DialTarget['tls']>, material: TlsMaterial): void {
    const { settings, verifiesChain } = tls.context;
    const secured = connectTls({
      socket,
      secureContext: material.secure,
      // An address is no server name (RFC 6066 section 3).
      ...(tls.serverName === null || isIP(tls.serverName) !== 0 ? {} : { servername: tls.serverName }),
      ALPNProtocols: [...settings.alpn],
      rejectUnauthorized: verifiesChain,
      checkServerIdentity: (_host, certificate) => {
        const parsed = parseCertificate(certificate.raw, 'peer certificate');
        if (!parsed.ok) return peerRefused('bad_certificate', "the peer's certificate cannot be read");
        return judgeNames(parsed.value, settings.validation) ?? undefined;
      },
    });
    this.#socket = secured;
    secured.on('error', this.#onError);
    secured.once('secureConnect', () => {
      const certificate = peerCertificateOf(secured);
      // Without a chain to verify Node asks nobody about names.
      const refusal = verifiesChain && secured.authorized ? null : judgeUnverified(secured, tls.context);
      if (refusal !== null) this.#fail(refusal);
      else {
        const serverName = tls.serverName ?? '';
        const facts = toTlsFacts(secured, certificate, { localUriSan: material.localUriSan, serverName });
        this.#succeed(secured, facts, null);
      }
    });
  }

  #succeed(socket: Socket, facts: TlsFacts | null, inlet: ReadInlet | null): void {
    if (!this.#finish()) return;
    socket.removeListener('error', this.#onError);
    this.#handler.onConnected(connectionOf(socket, facts, inlet === null ? {} : { inlet }));
  }

  readonly #onError = (error: Error): void => {
    this.#fail(explainError(error, this.#name, this.#target.tls === null));
  };

  #fail(error: MeshError): void {
    if (!this.#finish()) return;
    this.#drop();
    this.#handler.onFailed(error);
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#stopTimer?.();
    return true;
  }

  #drop(): void {
    this.#socket?.on('error', ignore);
    this.#socket?.destroy();
  }
}

function ignore(): void {
  // The outcome was told already.
}

function judgeUnverified(socket: TLSSocket, context: TlsContext): MeshError | null {
  if (context.verifiesChain) return explainChainError('');
  return judgeNames(peerCertificateOf(socket), context.settings.validation);
}

/**
 * A reset answers no SYN (a refusal does): in plaintext it says that the connection was made, and reset before the system told us of
 * it (`wasMade`).
 */
function explainError(error: Error, name: string, isPlaintext: boolean): MeshError {
  if (error instanceof MeshError) return error;
  const code: unknown = Reflect.get(error, 'code');
  const text = typeof code === 'string' ? code : '';
  const options = { cause: error, facts: { reason: text, wasMade: isPlaintext && text === 'ECONNRESET' } };
  if (text === 'ETIMEDOUT') return new MeshError('connect_timeout', `no connection to ${name}`, options);
  if (text === 'ECONNRESET' || text === 'EPIPE')
    return new MeshError('connection_reset', `${name} closed the connection while it was set up`, options);
  if (Reflect.get(error, 'syscall') === 'connect' || text === 'EADDRNOTAVAIL' || text === 'ENOTFOUND')
    return new MeshError('connect_refused', `${name} takes no connections`, options);
  if (text.startsWith('ERR_') || text === 'EPROTO')
    return new MeshError('tls_handshake', `the TLS handshake with ${name} failed`, options);
  return explainChainError(text);
}
