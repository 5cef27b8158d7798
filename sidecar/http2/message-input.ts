import { Buffer } from 'node:buffer';
import { frameFlag, frameType, maxInt31, readUint32 } from './frames.ts';
import { FieldSection, type SectionKind } from './field-section.ts';
import type { FrameReader } from './frame-reader.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { errorCode } from './frames.ts';
import { faults, type Http2Fault } from './protocol-error.ts';
import { RepeatedBlock } from './repeated-block.ts';
import type { SessionCore } from './session-core.ts';
import type { Http2Stream } from './stream.ts';

/** Of this worker: read before the next block is decoded. */
const decoded = new FieldSection();
/** Statuses whose responses have no content (RFC 9110 6.4.1). */
const isBodylessStatus = (status: number): boolean => status === 204 || status === 304;

/** HEADERS and CONTINUATION: gathers and decodes header blocks, and makes streams and messages of them (RFC 9113 8.1). */
export class MessageInput {
  /** Of the block under way; 0: none. */
  blockStreamId = 0;
  /** The peer acknowledged our SETTINGS, and so knows our limits. */
  knowsLimits = false;
  readonly #core: SessionCore;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #lastHead = new RepeatedBlock();
  #lastTrailers: RepeatedBlock | null = null;
  #block: Buffer | null = null;
  #blockLength = 0;
  #isEndStream = false;
  #dependsOnItself = false;
  /** Octets of the frames of the block. */
  #frameBytes = 0;
  /** A block that is only somewhat too large is read, so that its request is answered and the connection goes on, as in Envoy. */
  readonly #maxBlockBytes: number;

  constructor(core: SessionCore, reader: FrameReader) {
    this.#core = core;
    this.#reader = reader;
    this.#maxBlockBytes = 2 * core.options.maxHeaderListBytes;
    this.#decoder = new HpackDecoder({ maxTableBytes: core.options.hpackTableBytes });
  }

  onHeaders(bytes: Buffer, start: number, end: number): Http2Fault | null {
    const { flags, streamId, length } = this.#reader;
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) to -= bytes[from++] ?? 0;
    this.#dependsOnItself = false;
    if ((flags & frameFlag.priority) !== 0) {
      this.#dependsOnItself = (readUint32(bytes, from) & maxInt31) === streamId;
      from += 5;
    }
    if (from > end) return faults.payloadSize;
    if (from > to) return faults.padding;
    this.blockStreamId = streamId;
    this.#isEndStream = (flags & frameFlag.endStream) !== 0;
    this.#frameBytes = length + 9;
    const flood = this.#core.guard.frame(from === to && !this.#isEndStream);
    if (flood !== null) return flood;
    if ((flags & frameFlag.endHeaders) !== 0) return this.#finish(bytes, from, to);
    return this.#append(bytes, from, to);
  }

  onContinuation(bytes: Buffer, start: number, end: number): Http2Fault | null {
    if (this.blockStreamId === 0) return faults.continuation;
    this.#frameBytes += end - start + 9;
    const fault = this.#core.guard.frame(start === end) ?? this.#append(bytes, start, end);
    if (fault !== null || (this.#reader.flags & frameFlag.endHeaders) === 0) return fault;
    const block = this.#block;
    this.#block = null;
    return block === null ? null : this.#finish(block, 0, this.#blockLength);
  }

  #append(bytes: Buffer, start: number, end: number): Http2Fault | null {
    const needed = (this.#block === null ? 0 : this.#blockLength) + end - start;
    if (needed > this.#maxBlockBytes) return faults.blockTooLarge;
    if (this.#block === null) {
      this.#block = Buffer.allocUnsafe(Math.max(2 * needed, 1024));
      this.#blockLength = 0;
    } else if (needed > this.#block.length) {
      const larger = Buffer.allocUnsafe(2 * needed);
      this.#block.copy(larger, 0, 0, this.#blockLength);
      this.#block = larger;
    }
    bytes.copy(this.#block, this.#blockLength, start, end);
    this.#blockLength = needed;
    return null;
  }

  /** A block is whole. It is decoded whatever becomes of it, since the table goes on with it. */
  #finish(bytes: Buffer, start: number, end: number): Http2Fault | null {
    const core = this.#core;
    const id = this.blockStreamId;
    this.blockStreamId = 0;
    if (end - start > this.#maxBlockBytes) return faults.blockTooLarge;
    const stream = core.streams.open.get(id);
    const section = this.#decode(this.#kindOf(stream), bytes, start, end);
    if (!(section instanceof FieldSection)) return section;
    if (this.#dependsOnItself) section.fault ??= faults.selfDependency;
    if (stream === undefined) return this.#onNew(id, section);
    stream.bytesReceived += this.#frameBytes;
    if (stream.isRemoteEnded) return core.failStream(stream, faults.halfClosed);
    return stream.hasHead ? this.#onTrailers(stream, section) : this.#onResponse(stream, section);
  }

  #decode(kind: SectionKind, bytes: Buffer, start: number, end: number): FieldSection | Http2Fault {
    const decoder = this.#decoder;
    const version = decoder.tableVersion;
    const last = kind === 'trailers' ? (this.#lastTrailers ??= new RepeatedBlock()) : this.#lastHead;
    const known = last.find(bytes, start, end, version);
    if (known !== null) return known;
    decoded.begin(kind, this.#core.options);
    const error = decoder.decode(bytes, start, end, decoded);
    if (error !== null) return { ...faults.compression, message: error };
    decoded.finish();
    last.note(bytes, [start, end], decoded, [version, decoder.tableVersion]);
    return decoded;
  }

  #kindOf(stream: Http2Stream | undefined): SectionKind {
    if (stream !== undefined && stream.hasHead) return 'trailers';
    return this.#core.isServer ? 'request' : 'response';
  }

  #onNew(id: number, section: FieldSection): Http2Fault | null {
    const { streams, isServer, guard, lastTakenId, options } = this.#core;
    const state = streams.stateOf(id);
    if (state !== 'idle') {
      if (state === 'reset' || (state === 'unknown' && streams.hasForgotten)) return guard.stray();
      return state === 'closed' ? faults.closedStream : faults.streamId;
    }
    if (!streams.isOfPeer(id)) return faults.idleStream;
    if (!isServer) return faults.streamsOfServer;
    if (id <= lastTakenId && streams.openByPeer < options.maxConcurrentStreams) return this.#onRequest(id, section);
    streams.lastPeerId = id;
    streams.remember(id, true);
    if (id > lastTakenId) return guard.stray();
    this.#core.writeReset(id, errorCode.refusedStream);
    return this.knowsLimits ? guard.streamReset(0) : null;
  }

  #onRequest(id: number, section: FieldSection): Http2Fault | null {
    const core = this.#core;
    const stream = core.addStream(id);
    core.guard.streamOpened();
    stream.hasHead = true;
    stream.bytesReceived = this.#frameBytes;
    stream.bytesLeft = section.contentLength;
    stream.isRemoteEnded = this.#isEndStream;
    if (this.#isEndStream && section.contentLength > 0) section.fault ??= faults.lengthDiffers;
    const { fault } = section;
    if (fault === null) core.handler.onRequest(stream, section, this.#isEndStream);
    else if (!core.handler.onBadRequest(stream, section, fault)) return core.failStream(stream, fault);
    return null;
  }

  #onResponse(stream: Http2Stream, section: FieldSection): Http2Fault | null {
    const core = this.#core;
    const end = this.#isEndStream;
    if (section.status < 200 && end) section.fault ??= faults.informationalEnd;
    const isBodyless = stream.isBodyless || isBodylessStatus(section.status);
    if (end && !isBodyless && section.contentLength > 0) section.fault ??= faults.lengthDiffers;
    if (section.fault !== null) return core.failStream(stream, section.fault);
    if (section.status >= 200) {
      stream.hasHead = true;
      stream.isRemoteEnded = end;
      stream.bytesLeft = isBodyless ? 0 : section.contentLength;
    }
    stream.events?.onHead(section, end);
    if (end) core.settle(stream);
    return null;
  }

  #onTrailers(stream: Http2Stream, section: FieldSection): Http2Fault | null {
    const core = this.#core;
    if (!this.#isEndStream) section.fault ??= faults.trailersNotLast;
    if (stream.bytesLeft > 0 && !stream.isBodyless) section.fault ??= faults.lengthDiffers;
    if (section.fault !== null) return core.failStream(stream, section.fault);
    stream.isRemoteEnded = true;
    if (stream.isPaused || stream.held !== null) {
      stream.heldTrailers = section.copyLines();
    } else {
      stream.events?.onTrailers(section);
      core.settle(stream);
    }
    return null;
  }

  /** Whether a frame of this type may come within a block. */
  isExpected(type: number, streamId: number): boolean {
    return this.blockStreamId === 0 || (type === frameType.continuation && streamId === this.blockStreamId);
  }
}
