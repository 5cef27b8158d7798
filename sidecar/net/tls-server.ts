import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { connectionOf } from '../transport/connection-of.ts';
import type { Connection } from '../transport/transport.ts';
import type { TlsContext, TlsMaterial } from './tls-contexts.ts';
import { explainChainError, judgeNames, peerCertificateOf, peerRefused, toTlsFacts } from './tls-peer.ts';
import type { ServerTls } from './tls-settings.ts';

/** Who hears of a handshake: one of the two, once. */
export interface TlsAcceptHandler {
  /** It succeeded and the peer is whom the configuration wants; nothing was read of it yet. */
  onSecure(connection: Connection): void;
  /** It failed or the peer was refused; the socket is destroyed. */
  onRefused(error: MeshError): void;
}

/** Where the peer meant to connect to, before it was redirected. */
type Local = Readonly<{ address: string; port: number }>;

type Waiting = Readonly<{ handler: TlsAcceptHandler; local: Local | undefined }>;

/** `handshakeTimeoutMs` 0: Node's own (two minutes). */
export type TlsAcceptorOptions = Readonly<{ handshakeTimeoutMs: number; clock: Clock }>;

/**
 * The accepting end of TLS. Sockets come in after their first bytes were looked at and put back (`unshift`), secure sockets whose
 * peer was judged go out. The chain is judged by OpenSSL through Node, names by us from the DER; when in doubt the socket is
 * destroyed before a byte of the application passes.
 *
 * Handshakes run in a `tls.Server` that never listens: `emit('connection', socket)` is the documented way to hand it sockets.
 * Each generation of certificates has one of its own, since ticket keys belong to it.
 */
export class TlsAcceptor {
  readonly #settings: ServerTls;
  readonly #context: TlsContext;
  readonly #options: TlsAcceptorOptions;
  readonly #waiting = new WeakMap<object, Waiting>();
  #server: Readonly<{ of: TlsMaterial; server: Server }> | null = null;

  constructor(settings: ServerTls, context: TlsContext, options: TlsAcceptorOptions) {
    this.#settings = settings;
    this.#context = context;
    this.#options = options;
  }

  /** Begins the handshake on a socket; `local` is what the connection will tell as its own address, if not the socket's. */
  accept(socket: Socket, handler: TlsAcceptHandler, local?: Local): void {
    let server: Server;
    try {
      server = this.#currentServer();
    } catch (error) {
      socket.destroy();
      handler.onRefused(
        error instanceof MeshError ? error : new MeshError('tls_handshake', 'no TLS here', { cause: error }),
      );
      return;
    }
    this.#waiting.set(socket, { handler, local });
    server.emit('connection', socket);
  }

  #currentServer(): Server {
    const material = this.#context.current();
    if (this.#server?.of !== material) this.#server = { of: material, server: this.#createServer(material) };
    return this.#server.server;
  }

  #createServer(material: TlsMaterial): Server {
    const server = createServer({
      ...material.options,
      requestCert: this.#settings.validation !== null,
      // Whoever need not have a certificate is judged in #finish, if he has one.
      rejectUnauthorized: this.#settings.requireClientCertificate && this.#context.verifiesChain,
      ALPNCallback: ({ protocols }) => chooseAlpn(protocols, this.#settings.alpn),
      handshakeTimeout: this.#options.handshakeTimeoutMs,
    });
    server.on('secureConnection', (socket) => this.#finish(socket, material));
    server.on('tlsClientError', (error, socket) => {
      socket.destroy();
      this.#waitingFor(socket)?.handler.onRefused(explainFailure(error, socket));
    });
    return server;
  }

  #finish(socket: TLSSocket, material: TlsMaterial): void {
    const waiting = this.#waitingFor(socket);
    const certificate = peerCertificateOf(socket);
    const refusal = waiting === undefined ? null : this.#judge(socket, certificate);
    if (waiting === undefined || refusal !== null) {
      socket.on('error', ignore);
      socket.destroy();
      if (refusal !== null) waiting?.handler.onRefused(refusal);
      return;
    }
    const { handler, local } = waiting;
    const serverName = typeof socket.servername === 'string' ? socket.servername : '';
    const facts = toTlsFacts(socket, certificate, { localUriSan: material.localUriSan, serverName });
    handler.onSecure(connectionOf(socket, facts, { local }));
  }

  #judge(socket: TLSSocket, certificate: ReturnType<typeof peerCertificateOf>): MeshError | null {
    const { validation, requireClientCertificate } = this.#settings;
    if (validation === null) return null;
    const hasCertificate = socket.getPeerX509Certificate() !== undefined;
    if (!hasCertificate)
      return requireClientCertificate ? peerRefused('no_certificate', 'the peer has no certificate') : null;
    if (certificate === null) return peerRefused('bad_certificate', "the peer's certificate cannot be read");
    if (this.#context.verifiesChain) {
      if (!socket.authorized) return explainChainError(toCode(socket.authorizationError));
      // A resumed session is not verified again by OpenSSL.
      if (this.#options.clock.now() > certificate.notAfter) return explainChainError('CERT_HAS_EXPIRED');
    }
    return judgeNames(certificate, validation);
  }

  /**
   * Node names the socket that a TLS socket was made of in no public property; `_parent` has been there since 0.12. Were it gone,
   * nobody would be found here, and every handshake would be refused.
   */
  #waitingFor(socket: TLSSocket): Waiting | undefined {
    const raw: unknown = Reflect.get(socket, '_parent');
    if (typeof raw !== 'object' || raw === null) return undefined;
    const waiting = this.#waiting.get(raw);
    this.#waiting.delete(raw);
    return waiting;
  }
}

/**
 * The protocol that is spoken inside, by the preference of the configuration, as in Envoy. That goes on without ALPN where nothing
 * fits, Node can only choose or end the handshake: so what the peers of a mesh offer, by their preference, is taken though the
 * configuration (Istio's) does not name it.
 */
function chooseAlpn(offered: readonly string[], configured: readonly string[]): string | undefined {
  return (
    offered.find((protocol) => protocol.startsWith('istio-')) ??
    configured.find((protocol) => offered.includes(protocol)) ??
    offered.find((protocol) => protocol !== 'h2') ??
    offered[0]
  );
}

function ignore(): void {
  // The reason was told already; what the dying socket adds is of no use.
}

function explainFailure(error: Error, socket: TLSSocket): MeshError {
  const code = toCode(socket.authorizationError);
  if (code !== '') return explainChainError(code);
  const reason = toCode(Reflect.get(error, 'code'));
  if (reason === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE')
    return peerRefused('no_certificate', 'the peer has no certificate', { cause: error });
  if (reason === 'ERR_TLS_HANDSHAKE_TIMEOUT')
    return new MeshError('tls_handshake', 'the TLS handshake took too long', { cause: error, facts: { reason } });
  if (reason === 'ECONNRESET')
    return new MeshError('connection_reset', 'the peer went away during the TLS handshake', { cause: error });
  return new MeshError('tls_handshake', 'the TLS handshake failed', { cause: error, facts: { reason } });
}

/** Node declares an Error, but sets the code. */
function toCode(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof Error ? value.message : '';
}
