import { FloodGuard, OutboundCount } from './flood-guard.ts';
import { ReceiveWindow } from './flow-control.ts';
import { FrameWriter } from './frame-writer.ts';
import { defaultWindowBytes, errorCode } from './frames.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { Http2Options } from './options.ts';
import { describeFault, faults, type Http2Fault } from './protocol-error.ts';
import type { SessionHandler } from './session-handler.ts';
import { PeerSettings } from './settings.ts';
import { Http2Stream, type StreamFailure } from './stream.ts';
import { StreamTable } from './stream-table.ts';

export type SessionRole = 'client' | 'server';

/** What the parts of a session share: its state, and the steps that more than one of them take. */
export class SessionCore {
  readonly isServer: boolean;
  readonly handler: SessionHandler;
  readonly options: Http2Options;
  readonly streams: StreamTable;
  readonly guard: FloodGuard;
  readonly outbound = new OutboundCount();
  readonly writer = new FrameWriter();
  readonly encoder: HpackEncoder;
  readonly peer: PeerSettings;
  /** What the peer may send on the connection. */
  readonly window: ReceiveWindow;
  /** What we may send on it. */
  sendWindow = defaultWindowBytes;
  /** Milliseconds, as of the last call that handed the time in. */
  now: number;
  roundTripMs = 0;
  /** Peer streams above this are ignored (our last GOAWAY). */
  lastTakenId = Infinity;
  /** Streams of ours above this are refused (the peer's last GOAWAY). */
  goawayLastId = Infinity;
  isOver = false;

  constructor(role: SessionRole, handler: SessionHandler, options: Http2Options, now: number) {
    this.isServer = role === 'server';
    this.handler = handler;
    this.options = options;
    this.now = now;
    this.streams = new StreamTable(this.isServer);
    this.guard = new FloodGuard(options);
    this.encoder = new HpackEncoder({ maxTableBytes: options.hpackTableBytes });
    this.peer = new PeerSettings(!this.isServer);
    this.window = new ReceiveWindow(options.initialConnectionWindowBytes, options.maxConnectionWindowBytes, now);
  }

  addStream(id: number): Http2Stream {
    const { initialStreamWindowBytes, maxStreamWindowBytes } = this.options;
    const window = new ReceiveWindow(initialStreamWindowBytes, maxStreamWindowBytes, this.now);
    const stream = new Http2Stream(id, this.peer.initialWindowBytes, window, this.now);
    this.streams.add(stream);
    return stream;
  }

  /** A frame was written. Control frames are those that a peer can make us send without end. */
  countFrame(isControl: boolean): void {
    this.outbound.add(isControl);
    this.handler.onOutput();
  }

  /** The fault of a peer that makes us send and does not read. */
  floodFault(): Http2Fault | null {
    if (this.outbound.controlFrames > this.options.maxOutboundControlFrames) return faults.outboundControlFlood;
    return this.outbound.frames > this.options.maxOutboundFrames ? faults.outboundFlood : null;
  }

  /** The consumer took this much of a stream (null: of none that is open). */
  release(stream: Http2Stream | null, bytes: number): void {
    if (bytes === 0 || this.isOver) return;
    this.#announce(0, this.window.release(bytes, this.now, this.roundTripMs));
    if (stream === null || stream.isRemoteEnded || stream.isClosed) return;
    this.#announce(stream.id, stream.window.release(bytes, this.now, this.roundTripMs));
  }

  /** A rule was broken on a stream: it is reset. The fault that is returned ends the connection. */
  failStream(stream: Http2Stream, fault: Http2Fault): Http2Fault | null {
    this.resetStream(stream, fault.code);
    stream.events?.onFailure({ kind: 'fault', fault });
    return this.guard.streamReset(this.now - stream.openedAt);
  }

  /** Sends RST_STREAM and forgets the stream; its owner is not told. */
  resetStream(stream: Http2Stream, code: number): void {
    if (stream.isClosed) return;
    this.writeReset(stream.id, code);
    this.closeStream(stream, true);
  }

  writeReset(streamId: number, code: number): void {
    this.writer.resetStream(streamId, code);
    this.countFrame(true);
  }

  /** Forgets a stream. What of it was not taken no longer counts against the connection's window. */
  closeStream(stream: Http2Stream, wasReset: boolean): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.streams.remove(stream, wasReset);
    stream.queue = null;
    stream.queuedBytes = 0;
    stream.trailers = null;
    let heldBytes = stream.unreleasedBytes;
    if (stream.held !== null) for (const bytes of stream.held) heldBytes += bytes.length;
    stream.held = null;
    this.release(null, heldBytes);
    this.handler.onCapacity();
  }

  /**
   * A side ended: done with both. A server that has answered a request whose rest is still to come wants none of it (RFC 9113
   * 8.1), and a client that has its answer sends no more.
   */
  settle(stream: Http2Stream): void {
    if (stream.isClosed) return;
    if (stream.isLocalEnded && stream.isRemoteEnded) {
      if (stream.isHolding) return;
      this.guard.streamClosed();
      this.closeStream(stream, false);
    } else if (!stream.isTunnel && (this.isServer ? stream.isLocalEnded : stream.isRemoteEnded && !stream.isHolding)) {
      this.guard.streamClosed();
      this.resetStream(stream, this.isServer ? errorCode.noError : errorCode.cancel);
    }
  }

  /** Ends the session. */
  fail(fault: Http2Fault): void {
    if (this.isOver) return;
    this.writer.goaway(Math.min(this.streams.lastPeerId, this.lastTakenId), fault.code, describeFault(fault));
    this.isOver = true;
    this.failAll({ kind: 'fault', fault });
    this.handler.onFatal(fault);
  }

  /** An answer that came whole before its connection ended is none the worse for it: who reads it slowly gets the rest. */
  failAll(failure: StreamFailure): void {
    for (const stream of this.streams.open.all()) {
      if (failure.kind === 'connection' && !this.isServer && stream.isRemoteEnded && stream.isHolding) continue;
      this.closeStream(stream, true);
      stream.events?.onFailure(failure);
    }
  }

  #announce(streamId: number, increment: number): void {
    if (increment === 0) return;
    this.writer.windowUpdate(streamId, increment);
    this.countFrame(false);
  }
}
