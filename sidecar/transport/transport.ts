/**
 * The one byte-stream interface under the codecs. Two back ends implement it: `node-stream.ts` on documented `net` and `tls`
 * streams, and `direct-handle.ts` on the socket's handle. A connection has exactly one handler at a time; ownership of the
 * connection passes with `setHandler`, and bytes that arrive while nobody handles it wait (the socket is paused).
 */
export interface ConnectionHandler {
  /** Bytes that arrived. The buffer is only valid during the call: copy what must live longer. */
  onData(bytes: Buffer): void;
  /** The write queue fell below its low-water mark after `write` had returned false. */
  onDrain(): void;
  /** The peer will send no more (half close). */
  onEnd(): void;
  /** The connection is gone, once, after everything else. `error` is null after an orderly end. */
  onClose(error: Error | null): void;
}

/** What is known of a finished TLS handshake. */
export type TlsFacts = Readonly<{
  alpn: string;
  /** Server name that the client asked for; empty if none. */
  serverName: string;
  version: string;
  cipher: string;
  /** URI SANs of the peer's verified certificate, from its DER; empty without one. */
  peerUriSans: readonly string[];
  peerDnsSans: readonly string[];
  peerSubject: string;
  /** Lower-case hex SHA-256 of the peer's certificate; empty without one. */
  peerCertificateSha256: string;
  /** URI SAN of our own certificate. */
  localUriSan: string;
}>;

export interface Connection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Both ends as `address:port`, IPv6 in brackets. */
  readonly localName: string;
  readonly remoteName: string;
  /** Null on plaintext. */
  readonly tls: TlsFacts | null;
  readonly bytesRead: number;
  /** Handed to the operating system, or to TLS. */
  readonly bytesWritten: number;
  /** Given to `write` and not yet taken by the operating system. */
  readonly bytesQueued: number;
  readonly isClosed: boolean;

  /** Hands the connection over. Bytes given by `unread` and those that waited are delivered on the next turn of the loop or later. */
  setHandler(handler: ConnectionHandler): void;
  /** Puts bytes back in front of what will be read (after sniffing). */
  unread(bytes: Buffer): void;
  /**
   * Queues bytes; output of one loop turn is gathered and written once. The buffer must not be changed afterwards.
   * False: above the high-water mark, stop until `onDrain`.
   */
  write(bytes: Buffer): boolean;
  /** The same for a buffer that is only valid during the call. */
  relay(bytes: Buffer): boolean;
  /** Stops and resumes reading (back-pressure). Starts resumed. */
  pause(): void;
  resume(): void;
  /** Flushes, then half-closes. */
  end(): void;
  /** Drops the connection at once; `onClose` follows. */
  destroy(error?: Error): void;
  /** Drops the connection with a TCP reset. */
  reset(): void;
}
