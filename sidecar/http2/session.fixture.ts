import { connectionPreface, frameFlag, frameType, headerBytes, readUint32 } from './frames.ts';
import type { FieldLines, FieldSection } from './field-section.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { defaultHttp2Options, type Http2Options } from './options.ts';
import type { Http2Fault } from './protocol-error.ts';
import { Session } from './session.ts';
import type { SessionRole } from './session-core.ts';
import type { SessionHandler } from './session-handler.ts';
import type { Http2Stream, StreamEvents, StreamFailure } from './stream.ts';

export type Pairs = readonly (readonly [string, string])[];

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
  return bytes;
}

/** A frame with any numbers; `length` may lie. */
export function aFrame(type: number, flags: number, id: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(headerBytes);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, body]);
}

export const aSettings = (...settings: [number, number][]): Buffer =>
  aFrame(
    frameType.settings,
    0,
    0,
    Buffer.concat(settings.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 0xff]), u32(value)]))),
  );

/** A header block that needs no table. */
export function aBlock(fields: Pairs): Buffer {
  const encoder = new HpackEncoder({ maxTableBytes: 0 });
  encoder.begin();
  for (const [name, value] of fields) encoder.field(name, value, true);
  return Buffer.from(encoder.finish());
}

export const aGet: Pairs = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/'],
];
export const aPost: Pairs = [[':method', 'POST'], ...aGet.slice(1)];
export const anAnswer: Pairs = [[':status', '200']];

export const headersFrame = (id: number, fields: Pairs, end = true): Buffer =>
  aFrame(frameType.headers, frameFlag.endHeaders | (end ? frameFlag.endStream : 0), id, aBlock(fields));
export const dataFrame = (id: number, payload: Buffer | string, end = false): Buffer =>
  aFrame(frameType.data, end ? frameFlag.endStream : 0, id, payload);
export const windowUpdate = (id: number, increment: number): Buffer =>
  aFrame(frameType.windowUpdate, 0, id, u32(increment));
export const resetFrame = (id: number, code = 8): Buffer => aFrame(frameType.rstStream, 0, id, u32(code));

export type SeenFrame = { type: number; flags: number; id: number; payload: Buffer };

/** All whole frames; a client's preface is skipped. */
export function parseFrames(bytes: Buffer): SeenFrame[] {
  const frames: SeenFrame[] = [];
  let at = bytes.subarray(0, 4).toString() === 'PRI ' ? connectionPreface.length : 0;
  while (at + headerBytes <= bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    if (at + headerBytes + length > bytes.length) break;
    const payload = bytes.subarray(at + headerBytes, at + headerBytes + length);
    frames.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, id: readUint32(bytes, at + 5), payload });
    at += headerBytes + length;
  }
  return frames;
}

/** Events of one stream. */
export class StreamRecorder implements StreamEvents {
  readonly stream: Http2Stream;
  heads: Pairs[] = [];
  body = '';
  pieces: number[] = [];
  trailers: Pairs | null = null;
  hasEnded = false;
  failure: StreamFailure | null = null;
  writable = 0;
  sent = 0;

  constructor(stream: Http2Stream) {
    this.stream = stream;
  }

  onHead(section: FieldSection, end: boolean): void {
    this.heads.push([[':status', String(section.status)], ...pairsOf(section)]);
    this.hasEnded = end;
  }

  onData(bytes: Buffer, end: boolean): void {
    this.body += bytes.toString('latin1');
    this.pieces.push(bytes.length);
    this.hasEnded = end;
  }

  onTrailers(fields: FieldLines): void {
    this.trailers = pairsOf(fields);
    this.hasEnded = true;
  }

  onWritable(): void {
    this.writable++;
  }

  onSent(): void {
    this.sent++;
  }

  onFailure(failure: StreamFailure): void {
    this.failure = failure;
  }
}

export function pairsOf({ texts, length }: FieldLines): Pairs {
  return Array.from({ length }, (_, index) => [texts[2 * index] ?? '', texts[2 * index + 1] ?? ''] as const);
}

/** A session without a connection: the test feeds it and looks at what it writes. */
export class TestSession implements SessionHandler {
  readonly session: Session;
  readonly streams: StreamRecorder[] = [];
  fault: Http2Fault | null = null;
  goaway: number | null = null;
  capacities = 0;
  now = 1000;
  /** What `write` says. */
  isWritable = true;
  /** Nothing of what was written is taken. */
  isStuck = false;
  bytesTaken = 0;
  onStream: ((stream: StreamRecorder, section: FieldSection) => void) | null = null;
  readonly #isServer: boolean;
  #written: Buffer[] = [];

  constructor(role: SessionRole, options: Partial<Http2Options> = {}) {
    this.#isServer = role === 'server';
    this.session = new Session(role, this, { ...defaultHttp2Options, ...options }, this.now);
  }

  write(bytes: Buffer): boolean {
    this.#written.push(Buffer.from(bytes));
    if (!this.isStuck) this.bytesTaken += bytes.length;
    return this.isWritable;
  }

  relay(bytes: Buffer): boolean {
    return this.write(bytes);
  }

  /** Flushes; what was written since the last call. */
  take(): Buffer {
    this.session.flush();
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }

  takeFrames(): SeenFrame[] {
    return parseFrames(this.take());
  }

  /** In a buffer that is overwritten afterwards, in pieces of `pieceBytes`. */
  receive(bytes: Buffer, pieceBytes = bytes.length): void {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
      this.session.receive(piece, this.now);
      piece.fill(0x21);
    }
  }

  /** As a server: preface and SETTINGS of a client; as a client: SETTINGS of a server; and the ACK of ours. */
  shakeHands(...settings: [number, number][]): this {
    if (this.#isServer) this.receive(connectionPreface);
    this.receive(aSettings(...settings));
    this.receive(aFrame(frameType.settings, frameFlag.ack, 0));
    this.take();
    return this;
  }

  last(): StreamRecorder {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error('no stream came');
    return last;
  }

  /** As a client: sends a request. */
  request(fields: Pairs = aGet, end = true): StreamRecorder {
    const stream = new StreamRecorder(this.session.open(this.now));
    stream.stream.events = stream;
    this.streams.push(stream);
    this.head(stream, fields, end);
    return stream;
  }

  head({ stream }: StreamRecorder, fields: Pairs, end: boolean): void {
    const encoder = this.session.beginHead();
    for (const [name, value] of fields) encoder.field(name, value);
    this.session.sendHead(stream, end);
  }

  trailers({ stream }: StreamRecorder, fields: Pairs): void {
    this.session.sendTrailers(stream, { texts: fields.flat(), length: fields.length });
  }

  onOutput(): void {}

  onRequest(stream: Http2Stream, section: FieldSection, end: boolean): void {
    const recorder = new StreamRecorder(stream);
    stream.events = recorder;
    recorder.hasEnded = end;
    recorder.heads.push([
      [':method', section.method],
      [':scheme', section.scheme],
      [':authority', section.authority],
      [':path', section.path],
      ...pairsOf(section),
    ]);
    this.streams.push(recorder);
    this.onStream?.(recorder, section);
  }

  onBadRequest(): boolean {
    return false;
  }

  onCapacity(): void {
    this.capacities++;
  }

  onGoaway(code: number): void {
    this.goaway = code;
  }

  onFatal(fault: Http2Fault): void {
    this.fault = fault;
  }
}

/** Carries what each wrote to the other, until nothing is left. */
export function exchange(a: TestSession, b: TestSession, pieceBytes = 1 << 20): void {
  for (;;) {
    const fromA = a.take();
    const fromB = b.take();
    if (fromA.length === 0 && fromB.length === 0) return;
    b.receive(fromA, pieceBytes);
    a.receive(fromB, pieceBytes);
  }
}

/** The fields of one block of a fresh encoder. */
export function decodeBlock(block: Buffer): Pairs {
  const fields: [string, string][] = [];
  const decoder = new HpackDecoder({ maxTableBytes: 4096 });
  decoder.decode(block, 0, block.length, { onField: (name, value) => fields.push([name, value]) });
  return fields;
}
