/**
 * One HTTP/2 connection (RFC 9113) as pure code, for either role: bytes in, events out, output when it is asked for. It has no
 * socket and no timer: the time is handed in, `flush` is called once a turn when `SessionHandler.onOutput` asked for it.
 *
 *     receive -> FrameReader -> MessageInput  HEADERS, CONTINUATION: HPACK, FieldSection -> streams, events
 *                            -> DataInput     DATA: flow control, what a paused consumer left
 *                            -> ControlInput  all others
 *     send*   -> SessionSender (heads at once, bodies in turns) -> FrameWriter -> flush -> output
 *
 * What the parts share is `SessionCore`. A rule that a peer breaks ends its stream or the session, with a named fault
 * (`protocol-error.ts`); what a peer could do without end is counted (`flood-guard.ts`).
 */
import assert from 'node:assert/strict';
import { ControlInput, type AckSink } from './control-input.ts';
import { DataInput } from './data-input.ts';
import type { FieldLines } from './field-section.ts';
import { shapeFault } from './frame-shape.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { connectionPreface, defaultWindowBytes, errorCode, frameFlag, frameType, maxInt31 } from './frames.ts';
import type { HpackEncoder } from './hpack/encoder.ts';
import { MessageInput } from './message-input.ts';
import type { Http2Options } from './options.ts';
import { faults, type Http2Fault } from './protocol-error.ts';
import { SessionCore, type SessionRole } from './session-core.ts';
import type { SessionHandler } from './session-handler.ts';
import { SessionSender } from './session-sender.ts';
import { SessionTimers } from './session-timers.ts';
import { encodeSettings } from './settings.ts';
import type { Http2Stream } from './stream.ts';

/** Streams that a client opens before it knows the server's limit. */
const presumedStreams = 100;

export class Session implements FrameSink, AckSink {
  readonly #core: SessionCore;
  readonly #reader: FrameReader;
  readonly #messages: MessageInput;
  readonly #data: DataInput;
  readonly #control: ControlInput;
  readonly #sender: SessionSender;
  readonly #timers: SessionTimers;
  #hasSettings = false;
  #isDraining = false;
  #finishedFrames = 0;

  /** Begins with its preface and SETTINGS. `now`: milliseconds of a clock that does not go back. */
  constructor(role: SessionRole, handler: SessionHandler, options: Http2Options, now: number) {
    const core = new SessionCore(role, handler, options, now);
    this.#core = core;
    this.#reader = new FrameReader(this, core.isServer);
    this.#messages = new MessageInput(core, this.#reader);
    this.#data = new DataInput(core, this.#reader);
    this.#sender = new SessionSender(core);
    this.#control = new ControlInput(core, this.#reader, this.#sender, this);
    this.#timers = new SessionTimers(core);
    if (!core.isServer) core.writer.raw(connectionPreface);
    core.writer.settings(encodeSettings(options, core.isServer));
    const extra = options.initialConnectionWindowBytes - defaultWindowBytes;
    if (extra > 0) core.writer.windowUpdate(0, extra);
    handler.onOutput();
  }

  /** It has ended by a fault. */
  get isOver(): boolean {
    return this.#core.isOver;
  }

  /** No new stream is taken or opened, and none is left. */
  get isDone(): boolean {
    return this.#isDraining && !this.#timers.isDraining && this.openStreams === 0;
  }

  get openStreams(): number {
    return this.#core.streams.open.size;
  }

  /** `tick` has something to look at. */
  get needsTicks(): boolean {
    return this.openStreams > 0 || this.#timers.isWaiting || this.#core.options.keepaliveIntervalMs > 0;
  }

  /** As a client: how many streams may be opened now. */
  get capacity(): number {
    const { streams, peer, options, goawayLastId, isOver } = this.#core;
    if (isOver || this.#isDraining || goawayLastId < Infinity) return 0;
    const limit = Math.min(peer.hasArrived ? peer.maxConcurrentStreams : presumedStreams, options.maxConcurrentStreams);
    return Math.max(limit - streams.openByUs, 0);
  }

  /** Whether the peer takes extended CONNECT; null: its SETTINGS are still to come, after which `onCapacity` is called. */
  get takesUpgrades(): boolean | null {
    return this.#core.peer.hasArrived ? this.#core.peer.allowsConnect : null;
  }

  /** Takes what came; the bytes are only used during the call. */
  receive(bytes: Buffer, now: number): void {
    const core = this.#core;
    core.now = now;
    if (core.isOver) return;
    const fault = this.#reader.read(bytes) ?? core.floodFault();
    if (fault !== null) core.fail(fault);
    else this.#timers.onRead(this.#reader.isUnfinished || this.#messages.blockStreamId !== 0, this.#finishedFrames);
  }

  /** Gives out what was held, and writes all output that windows and connection take. */
  flush(): void {
    this.#data.flush();
    this.#sender.flush();
    const fault = this.#core.floodFault();
    if (fault === null) return;
    this.#core.fail(fault);
    this.#sender.flush();
  }

  /** Gives out what was held of streams that were resumed, after the connection has ended. */
  giveHeld(): void {
    this.#data.flush();
  }

  /** The connection takes output again. */
  onDrain(): void {
    this.#sender.onDrain();
  }

  /** To be called about once a second while {@link needsTicks}. */
  tick(now: number): void {
    const core = this.#core;
    core.now = now;
    if (core.isOver) return;
    const fault = this.#timers.tick();
    if (fault === null) this.#endStalled();
    else core.fail(fault);
  }

  /** As a client: a stream, which gets its events at once; only when there is capacity. */
  open(now: number): Http2Stream {
    assert(this.capacity > 0, 'no capacity for another stream');
    const core = this.#core;
    core.now = now;
    core.guard.streamOpened();
    const stream = core.addStream(core.streams.nextLocalId);
    // Ids are used up (RFC 9113 5.1.1): another connection has to go on.
    if (core.streams.nextLocalId > maxInt31) this.#isDraining = true;
    return stream;
  }

  /** As a client: nothing was sent on the stream so far, and its turn comes only now. */
  postpone(stream: Http2Stream): void {
    this.#core.streams.renumber(stream);
  }

  /** The encoder for the head to send: every field by `field`, then {@link sendHead}, and nothing else between. */
  beginHead(): HpackEncoder {
    this.#core.encoder.begin();
    return this.#core.encoder;
  }

  /** Sends the fields that were given to the encoder as a head, or a 1xx. */
  sendHead(stream: Http2Stream, end: boolean): void {
    this.#sender.headers(stream, end);
  }

  /** False: wait for `onWritable`. The bytes must not be changed afterwards. */
  sendData(stream: Http2Stream, bytes: Buffer, end: boolean): boolean {
    return this.#sender.data(stream, bytes, end);
  }

  /** The same for bytes that are only valid during the call. */
  relayData(stream: Http2Stream, bytes: Buffer, end: boolean): boolean {
    return this.#sender.relay(stream, bytes, end);
  }

  /** Ends the stream with trailers; the lines must not be changed afterwards. */
  sendTrailers(stream: Http2Stream, fields: FieldLines): void {
    this.#sender.trailers(stream, fields);
  }

  /** What comes for the stream is held, and its window stays as it is. */
  pause(stream: Http2Stream): void {
    this.#data.pause(stream);
  }

  /** What was held comes with the next `flush`. */
  resume(stream: Http2Stream): void {
    this.#data.resume(stream);
  }

  /** Ends a stream; no event follows. One that nothing was sent on is only forgotten. */
  reset(stream: Http2Stream, code: number): void {
    if (stream.outputStart < 0 && !this.#core.isServer) this.#core.closeStream(stream, true);
    else this.#core.resetStream(stream, code);
  }

  /** The peer was told to open no more streams. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * A graceful end. As a server in two steps: a GOAWAY that lets all come that is on its way, and after the round trip of a PING
   * one that says which stream was the last. As a client: no stream is opened any more.
   */
  drain(): void {
    if (this.#isDraining || this.#core.isOver) return;
    this.#isDraining = true;
    if (this.#core.isServer) this.#timers.startDrain();
  }

  /** Says goodbye, before the connection is closed. */
  sayGoodbye(code: number = errorCode.noError): void {
    const { streams, lastTakenId, writer, isOver } = this.#core;
    // After the second step of a drain all is said.
    if (isOver || lastTakenId < Infinity) return;
    writer.goaway(streams.lastPeerId, code, '');
    this.#core.countFrame(false);
  }

  /** The connection is gone: every stream fails, but for answers that came whole: what is held of them {@link giveHeld} gives out. */
  close(): void {
    this.#core.isOver = true;
    this.#core.failAll({ kind: 'connection' });
  }

  onFrameHeader(): Http2Fault | null {
    const { type, flags, streamId } = this.#reader;
    if (!this.#hasSettings) {
      if (type !== frameType.settings || (flags & frameFlag.ack) !== 0) return faults.settingsFirst;
      this.#hasSettings = true;
    }
    if (!this.#messages.isExpected(type, streamId)) return faults.interrupted;
    return shapeFault(this.#reader) ?? (type === frameType.data ? this.#data.begin() : null);
  }

  onFrame(bytes: Buffer, start: number, end: number): Http2Fault | null {
    if (this.#core.isOver) return null;
    const fault = this.#dispatch(bytes, start, end);
    if (this.#messages.blockStreamId === 0) this.#finishedFrames++;
    return fault ?? this.#core.floodFault();
  }

  onData(bytes: Buffer, start: number, end: number, isLast: boolean): Http2Fault | null {
    return this.#data.content(bytes, start, end, isLast);
  }

  onSettingsAck(): void {
    this.#timers.onSettingsAck();
    this.#messages.knowsLimits = true;
  }

  onPingAck(bytes: Buffer, start: number): void {
    this.#timers.onPingAck(bytes, start);
  }

  #dispatch(bytes: Buffer, start: number, end: number): Http2Fault | null {
    switch (this.#reader.type) {
      case frameType.headers:
        return this.#messages.onHeaders(bytes, start, end);
      case frameType.continuation:
        return this.#messages.onContinuation(bytes, start, end);
      case frameType.priority:
        return this.#control.onPriority(bytes, start);
      case frameType.rstStream:
        return this.#control.onResetStream(bytes, start);
      case frameType.settings:
        return this.#control.onSettings(bytes, start, end);
      case frameType.ping:
        return this.#control.onPing(bytes, start);
      case frameType.goaway:
        return this.#control.onGoaway(bytes, start);
      case frameType.windowUpdate:
        return this.#control.onWindowUpdate(bytes, start);
    }
    return null;
  }

  /** Streams whose output waited too long for a window: the peer holds it, and us, up. */
  #endStalled(): void {
    const { streams, options, now } = this.#core;
    if (options.streamIdleTimeoutMs === 0) return;
    for (const stream of streams.open.all()) {
      if (stream.queuedBytes === 0 || now - stream.progressAt < options.streamIdleTimeoutMs) continue;
      this.#core.resetStream(stream, errorCode.cancel);
      stream.events?.onFailure({ kind: 'stalled' });
    }
  }
}
