import { frameFlag, maxInt31, readUint32, errorCode } from './frames.ts';
import type { FrameReader } from './frame-reader.ts';
import { faults, type Http2Fault } from './protocol-error.ts';
import type { SessionCore } from './session-core.ts';
import type { SessionSender } from './session-sender.ts';
import type { Http2Stream } from './stream.ts';

/** What the session does about acknowledgements. */
export interface AckSink {
  onSettingsAck(): void;
  onPingAck(bytes: Buffer, start: number): void;
}

/** The frames that carry no message: SETTINGS, PING, GOAWAY, RST_STREAM, WINDOW_UPDATE, PRIORITY. Their sizes were checked. */
export class ControlInput {
  readonly #core: SessionCore;
  readonly #reader: FrameReader;
  readonly #sender: SessionSender;
  readonly #acks: AckSink;

  constructor(core: SessionCore, reader: FrameReader, sender: SessionSender, acks: AckSink) {
    this.#core = core;
    this.#reader = reader;
    this.#sender = sender;
    this.#acks = acks;
  }

  onSettings(bytes: Buffer, start: number, end: number): Http2Fault | null {
    const core = this.#core;
    if ((this.#reader.flags & frameFlag.ack) !== 0) {
      this.#acks.onSettingsAck();
      return null;
    }
    const { peer } = core;
    const { initialWindowBytes, headerTableBytes } = peer;
    const fault = peer.apply(bytes, start, end) ?? this.#moveWindows(peer.initialWindowBytes - initialWindowBytes);
    if (fault !== null) return fault;
    if (peer.headerTableBytes !== headerTableBytes) core.encoder.setPeerTableSize(peer.headerTableBytes);
    core.writer.settingsAck();
    core.countFrame(true);
    core.handler.onCapacity();
    return null;
  }

  onPing(bytes: Buffer, start: number): null {
    if ((this.#reader.flags & frameFlag.ack) !== 0) {
      this.#acks.onPingAck(bytes, start);
      return null;
    }
    this.#core.writer.ping(bytes, start, true);
    this.#core.countFrame(true);
    return null;
  }

  onGoaway(bytes: Buffer, start: number): Http2Fault | null {
    const core = this.#core;
    const lastId = readUint32(bytes, start) & maxInt31;
    if (lastId > core.goawayLastId) return faults.goawayGrows;
    core.goawayLastId = lastId;
    for (const stream of core.streams.open.all()) {
      if (core.streams.isOfPeer(stream.id) || stream.id <= lastId) continue;
      core.closeStream(stream, true);
      stream.events?.onFailure({ kind: 'refused' });
    }
    core.handler.onGoaway(readUint32(bytes, start + 4));
    return null;
  }

  onResetStream(bytes: Buffer, start: number): Http2Fault | null {
    const core = this.#core;
    const stream = core.streams.open.get(this.#reader.streamId);
    if (stream === undefined) return this.#isIdle() ? faults.idleStream : core.guard.stray();
    const code = readUint32(bytes, start);
    stream.bytesReceived += 13;
    if (!core.isServer && stream.isRemoteEnded) {
      // The response is whole; only the rest of the request is not wanted.
      stream.isLocalEnded = true;
      stream.isEndQueued = true;
      stream.queue = null;
      stream.queuedBytes = 0;
      stream.trailers = null;
      core.settle(stream);
      return null;
    }
    core.closeStream(stream, false);
    stream.events?.onFailure(code === errorCode.refusedStream ? { kind: 'refused' } : { kind: 'reset', code });
    return core.isServer ? core.guard.streamReset(core.now - stream.openedAt) : null;
  }

  onWindowUpdate(bytes: Buffer, start: number): Http2Fault | null {
    const core = this.#core;
    const { streamId } = this.#reader;
    const increment = readUint32(bytes, start) & maxInt31;
    if (streamId === 0) return this.#onConnectionUpdate(increment);
    const stream = core.streams.open.get(streamId);
    if (stream === undefined && this.#isIdle()) return faults.idleStream;
    const flood = core.guard.windowUpdate();
    if (flood !== null || stream === undefined) return flood;
    if (increment === 0) return core.failStream(stream, faults.streamIncrement);
    if (stream.sendWindow + increment > maxInt31) return core.failStream(stream, faults.streamWindowOverflow);
    stream.sendWindow += increment;
    this.#sender.makeReady(stream);
    return null;
  }

  /** Priorities are ignored (RFC 9113 5.3.2), but neither their form nor their number. */
  onPriority(bytes: Buffer, start: number): Http2Fault | null {
    const { streamId, length } = this.#reader;
    const flood = this.#core.guard.priority();
    if (flood !== null) return flood;
    let fault: Http2Fault | null = null;
    if (length !== 5) fault = faults.prioritySize;
    else if ((readUint32(bytes, start) & maxInt31) === streamId) fault = faults.selfDependency;
    if (fault === null) return null;
    const stream = this.#core.streams.open.get(streamId);
    return stream === undefined ? fault : this.#core.failStream(stream, fault);
  }

  #onConnectionUpdate(increment: number): Http2Fault | null {
    const core = this.#core;
    if (increment === 0) return faults.connectionIncrement;
    if (core.sendWindow + increment > maxInt31) return faults.connectionWindowOverflow;
    core.sendWindow += increment;
    if (this.#sender.hasWork) core.handler.onOutput();
    return core.guard.windowUpdate();
  }

  /** A new initial window moves those of all streams (RFC 9113 6.9.2). */
  #moveWindows(change: number): Http2Fault | null {
    if (change === 0) return null;
    for (const stream of this.#core.streams.open.all())
      if (!this.#moveWindow(stream, change)) return faults.settingsWindow;
    return null;
  }

  #moveWindow(stream: Http2Stream, change: number): boolean {
    stream.sendWindow += change;
    if (stream.sendWindow > maxInt31) return false;
    this.#sender.makeReady(stream);
    return true;
  }

  #isIdle(): boolean {
    return this.#core.streams.stateOf(this.#reader.streamId) === 'idle';
  }
}
