import type { FieldLines, FieldSection } from './field-section.ts';
import type { Http2Fault } from './protocol-error.ts';
import type { ReceiveWindow } from './flow-control.ts';

/** Why a stream ended before both its sides had. */
export type StreamFailure =
  /** RST_STREAM of the peer. */
  | Readonly<{ kind: 'reset'; code: number }>
  /** REFUSED_STREAM, or above the last stream of GOAWAY: the peer did nothing with it. */
  | Readonly<{ kind: 'refused' }>
  /** The peer broke a rule, on this stream or on its connection. */
  | Readonly<{ kind: 'fault'; fault: Http2Fault }>
  /** Its output waited too long for a window. */
  | Readonly<{ kind: 'stalled' }>
  /** The connection is gone; its owner knows why. */
  | Readonly<{ kind: 'connection' }>;

/** Who takes the events of one stream. Sections and bytes are only valid during the call. After `onFailure` nothing follows. */
export interface StreamEvents {
  /** As a client: the head of a response, or a 1xx. (A request's head comes with `SessionHandler.onRequest`.) */
  onHead(section: FieldSection, end: boolean): void;
  onData(bytes: Buffer, end: boolean): void;
  onTrailers(fields: FieldLines): void;
  /** What was queued fell below half of the mark, after `sendData` had said false. */
  onWritable(): void;
  /** END_STREAM was given to the output. */
  onSent(): void;
  onFailure(failure: StreamFailure): void;
}

/** The state of one stream (RFC 9113 5.1), owned by its session: others call the session's methods, and read. */
export class Http2Stream {
  /** Only the table of streams changes it, before anything was sent on the stream. */
  id: number;
  /** Null until the one who opened or answers it was told. */
  events: StreamEvents | null = null;
  /** Milliseconds, of the session's clock. */
  readonly openedAt: number;

  /** What the peer may send us. */
  readonly window: ReceiveWindow;
  /** The final head came. */
  hasHead = false;
  /** END_STREAM came. */
  isRemoteEnded = false;
  /** Content that is to come by content-length; -1: not declared. */
  bytesLeft = -1;
  /** The response has no content whatever it declares: to HEAD, or 204, 304. */
  isBodyless = false;
  /** What comes is held. */
  isPaused = false;
  /** It was resumed, and what was held will be given out. */
  isResuming = false;
  held: Buffer[] | null = null;
  isEndHeld = false;
  /** Octets given out while the consumer paused: its window opens by them when it resumes. */
  unreleasedBytes = 0;
  heldTrailers: FieldLines | null = null;

  /** What we may send: below 0 after the peer made its initial window smaller. */
  sendWindow: number;
  /** Output that waits, null without any so far; of the first buffer `queueOffset` octets are sent. */
  queue: Buffer[] | null = null;
  queueOffset = 0;
  queuedBytes = 0;
  /** To be sent behind the queue. */
  trailers: FieldLines | null = null;
  /** END_STREAM is to be sent behind the queue, or was sent. */
  isEndQueued = false;
  /** END_STREAM was given to the output. */
  isLocalEnded = false;
  /** In the scheduler's ring. */
  isReady = false;
  /** `sendData` said false. */
  wantsWritable = false;
  /** When output last went on, or began to wait. */
  progressAt = 0;

  /** Half-closed either way is fine (a tunnel): a server does not end it when it has answered. */
  isTunnel = false;
  isClosed = false;
  /** Octets of its frames with their headers, padding included. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Where in the connection's output its first frame begins; -1: none. */
  outputStart = -1;

  constructor(id: number, sendWindow: number, window: ReceiveWindow, openedAt: number) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.window = window;
    this.openedAt = openedAt;
    this.progressAt = openedAt;
  }

  /** Something of what came was not given out yet. */
  get isHolding(): boolean {
    return this.held !== null || this.isEndHeld || this.heldTrailers !== null;
  }
}
