/**
 * One request and its response as a stream, whatever HTTP version carries it: the interface between the codecs' connections
 * (`http1-server-connection.ts`, `http1-client-connection.ts`; HTTP/2 later) and the proxy. Calls go down by methods of the
 * stream, events come up by the sink. After the last event or an abort nothing more is called on either side.
 * Body buffers passed up are only valid during the call; buffers passed down must not be changed afterwards.
 */
import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Connection } from '../transport/transport.ts';

/** Why a stream ended early. */
export type AbortCause =
  /** The peer closed or reset the connection. */
  | Readonly<{ kind: 'connectionClosed'; reset: boolean; detail: string }>
  /** The peer reset this stream alone (HTTP/2 RST_STREAM); `code` is the name of its reason (RFC 9113 section 7). */
  | Readonly<{ kind: 'streamReset'; code: string }>
  /** The peer broke the protocol; `detail` names the rule. */
  | Readonly<{ kind: 'protocolError'; detail: string }>
  /** The peer refused the stream before it did anything with it (HTTP/2 REFUSED_STREAM, GOAWAY). */
  | Readonly<{ kind: 'refused' }>
  /** An idle or header time ran out. */
  | Readonly<{ kind: 'timeout'; detail: string }>
  /** We close (drain deadline). */
  | Readonly<{ kind: 'localClose' }>;

/** Downstream: the server's side of one exchange. */
export interface ServerStream {
  readonly connection: Connection;
  /** 1xx other than 101. */
  sendInformational(head: ResponseHead): void;
  /**
   * Sends the head. `end`: no body follows. A 101, or a 2xx to CONNECT, turns the stream into a tunnel: `sendData` and the sink's
   * `onData` then carry raw bytes both ways, though the request itself had ended with its head.
   */
  sendHead(head: ResponseHead, end: boolean): void;
  /** The buffer must not be changed afterwards. False: wait for `onWritable`. */
  sendData(bytes: Buffer, end: boolean): boolean;
  /** The same for a buffer that is only valid during the call: what must live longer is copied, once. */
  relayData(bytes: Buffer, end: boolean): boolean;
  /** Ends the body with trailers (chunked only; else they are dropped). */
  sendTrailers(trailers: HeaderMap): void;
  /** Lets the client send its body (100 Continue), if it waits for that. Sent by itself before a final answer is not needed. */
  sendContinue(): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Ends the exchange without a (whole) answer: the connection is closed, or the HTTP/2 stream reset. */
  abort(): void;
  /** Tells the client that nothing was done with its request, so that it may ask another (REFUSED_STREAM). False: it cannot be told. */
  refuse(): boolean;
  /** After this exchange the connection ends (`Connection: close`). */
  closeAfter(): void;
  /**
   * Gives the raw connection away once the stream is a tunnel (after a 200 to CONNECT, a 101): what the client already sent behind
   * its head is put back to be read first. No event follows on the sink, nor `onClose` of the server connection's handler.
   */
  takeOver(): Connection;
  /** Bytes of head and body received and sent on the wire for this exchange. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** What the proxy makes of one downstream request. */
export interface RequestSink {
  onData(bytes: Buffer, end: boolean): void;
  onTrailers(trailers: HeaderMap): void;
  onWritable(): void;
  /** The client went away or broke the protocol before the exchange was over. */
  onAbort(cause: AbortCause): void;
  /** The last byte of the response was handed to the connection. */
  onSent?(): void;
}

/** A malformed request, to be answered (400, 431, 501, ...) and logged, after which its connection closes. */
export type BadRequest = Readonly<{
  status: 400 | 408 | 413 | 414 | 417 | 426 | 431 | 501 | 505;
  /** Envoy's response code details (`http1.codec_error`, ...). */
  details: string;
  /** What is wrong, with the rule's source. */
  message: string;
  version: RequestHead['version'];
  /** What could be read of the head. */
  method: string;
  path: string;
  authority: string;
}>;

/** Who takes the requests of a downstream connection. */
export interface ServerConnectionHandler {
  /** `end`: the request has no body (CONNECT and upgrades never have). Returns the sink of this request's events. */
  onRequest(stream: ServerStream, head: RequestHead, end: boolean): RequestSink;
  /** Must answer on `stream` (which then closes its connection). */
  onBadRequest(stream: ServerStream, bad: BadRequest): void;
  /** A malformed request whose stream is reset (HTTP/2): to be logged, nothing can be answered. */
  onMalformed(stream: ServerStream, bad: BadRequest): void;
  onClose(): void;
}

/** Upstream: the client's side of one attempt. */
export interface ClientStream {
  readonly connection: Connection;
  sendHead(head: RequestHead, end: boolean): void;
  sendData(bytes: Buffer, end: boolean): boolean;
  sendTrailers(trailers: HeaderMap): void;
  pauseResponse(): void;
  resumeResponse(): void;
  /** Gives the attempt up: its connection is closed, or the HTTP/2 stream reset. */
  abort(): void;
  /** Bytes of this request that were handed to the operating system or TLS (0: the peer cannot have seen anything). */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What the proxy makes of the events of one attempt. */
export interface ResponseSink {
  /** 100 and other 1xx but 101. */
  onInformational(head: ResponseHead): void;
  /** After a 101 the stream is a tunnel, `onData` carries raw bytes. */
  onHead(head: ResponseHead, end: boolean): void;
  onData(bytes: Buffer, end: boolean): void;
  onTrailers(trailers: HeaderMap): void;
  onWritable(): void;
  onAbort(cause: AbortCause): void;
}

/** One connection to an endpoint, owned by a pool. */
export interface ClientConnection {
  readonly connection: Connection;
  readonly protocol: 'http1' | 'http2';
  /** How many streams may still be opened now (HTTP/1.1: 1 when idle, else 0). */
  readonly capacity: number;
  /** Streams under way. */
  readonly activeStreams: number;
  readonly isClosed: boolean;
  /** Requests that this connection has carried. */
  readonly requestCount: number;
  /** Opens a stream; only when `capacity` > 0. */
  open(sink: ResponseSink): ClientStream;
  /** Takes no further stream, closes when those under way are done. */
  drain(): void;
  close(): void;
}

/** What a pool wants to know of its connections. */
export interface ClientConnectionHandler {
  /** A stream ended, or the peer allows more of them; not called when the connection closes with its last stream. */
  onCapacity(connection: ClientConnection): void;
  /** The peer keeps the idle connection open for so long only (`Keep-Alive: timeout=`), in milliseconds. */
  onKeepAliveHint(connection: ClientConnection, timeoutMs: number): void;
  onClose(connection: ClientConnection): void;
}
