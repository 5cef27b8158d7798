/** The peers of a hop: octets that clients and servers would send, made beforehand as far as can be. */
import { HpackEncoder } from '../../../sidecar/http2/hpack/encoder.ts';
import { encodeBlock } from '../../../sidecar/http2/hpack/blocks.fixture.ts';
import { aFrame, windowUpdate } from '../../../sidecar/http2/session.fixture.ts';
import { connectionPreface, frameFlag, frameType, headerBytes } from '../../../sidecar/http2/frames.ts';

/** Both ends of one protocol. */
export type Peers = {
  readonly protocol: 'http1' | 'http2';
  readonly connections: number;
  /** Requests at a time on each connection. */
  readonly streams: number;
  greeting(): Buffer | null;
  serverGreeting(): Buffer | null;
  /** The next requests of client `index`, of all its streams. */
  request(index: number): Buffer;
  /** Whole answers in what a client got. */
  countAnswers(bytes: Buffer): number;
  /** What a server sends to what it got; null: nothing yet. */
  answer(bytes: Buffer): Buffer | null;
};

const get = Buffer.from('GET /b128 HTTP/1.1\r\nHost: 127.0.0.1:15001\r\n\r\n');
const ok = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Server: nginx/1.22.1',
    'Date: Thu, 26 Nov 2026 10:00:00 GMT',
    'Content-Type: application/octet-stream',
    'Content-Length: 128',
    'Last-Modified: Thu, 26 Nov 2026 09:00:00 GMT',
    'Connection: keep-alive',
    'ETag: "6566f1c0-80"',
    'Accept-Ranges: bytes',
    '',
    'x'.repeat(128),
  ].join('\r\n'),
);

/** wrk and nginx. */
export function http1Peers(): Peers {
  return {
    protocol: 'http1',
    connections: 32,
    streams: 1,
    greeting: () => null,
    serverGreeting: () => null,
    request: () => get,
    countAnswers: () => 1,
    answer: () => ok,
  };
}

const requestLines = [
  ':method: POST',
  ':path: /echo.Echo/Unary',
  ':scheme: http',
  ':authority: 127.0.0.1:15001',
  'user-agent: h2load nghttp2/1.52.0',
  'content-type: application/grpc',
  'te: trailers',
  'content-length: 32',
];
const answerLines = [
  ':status: 200',
  'server: nghttpd nghttp2/1.52.0',
  'cache-control: max-age=3600',
  'date: Thu, 26 Nov 2026 10:00:00 GMT',
  'content-length: 64',
  'last-modified: Thu, 26 Nov 2026 09:00:00 GMT',
  'trailer: grpc-status',
  'content-type: application/grpc',
];
const trailerLines = ['grpc-status: 0'];

/** h2load and nghttpd. */
export function http2Peers({ connections, streams }: Readonly<{ connections: number; streams: number }>): Peers {
  const clients = Array.from({ length: connections }, () => ({ request: new Template(aCall), stream: 1 }));
  const server = new Template(anAnswer);
  return {
    protocol: 'http2',
    connections,
    streams,
    greeting: () =>
      Buffer.concat([connectionPreface, aFrame(frameType.settings, 0, 0), windowUpdate(0, 0x7000_0000), settingsAck]),
    serverGreeting: () =>
      Buffer.concat([
        aFrame(frameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0x10, 0])),
        windowUpdate(0, 0x7000_0000),
        settingsAck,
      ]),
    request(index) {
      const client = clients[index];
      if (client === undefined) throw new Error('no such client');
      const ids = Array.from({ length: streams }, (_, i) => client.stream + 2 * i);
      client.stream += 2 * streams;
      const isDue = client.stream % 16_384 < 2 * streams;
      const calls = client.request.of(ids);
      return isDue ? Buffer.concat([calls, windowUpdate(0, 16_384 * 64)]) : calls;
    },
    countAnswers: (bytes) => endedStreams(bytes).length,
    answer(bytes) {
      const ids = endedStreams(bytes);
      return ids.length === 0 ? null : Buffer.concat([server.of(ids), windowUpdate(0, ids.length * 32)]);
    },
  };
}

type Encode = (lines: readonly string[]) => Buffer;

const aCall = (encode: Encode) => [
  aFrame(frameType.headers, frameFlag.endHeaders, 0, encode(requestLines)),
  aFrame(frameType.data, frameFlag.endStream, 0, Buffer.alloc(32, 0x61)),
];
const anAnswer = (encode: Encode) => [
  aFrame(frameType.headers, frameFlag.endHeaders, 0, encode(answerLines)),
  aFrame(frameType.data, 0, 0, Buffer.alloc(64, 0x62)),
  aFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 0, encode(trailerLines)),
];

/** The frames of one message after the other, on streams of any id. What can be indexed is from the fourth message on: it stays the same. */
class Template {
  readonly #first: Buffer[];
  readonly #many = new Map<number, Buffer>();
  readonly #frames: (encode: Encode) => Buffer[];
  readonly #encode: Encode;

  constructor(frames: (encode: Encode) => Buffer[]) {
    const encoder = new HpackEncoder();
    this.#encode = (lines) => encodeBlock(encoder, lines);
    this.#frames = frames;
    this.#first = Array.from({ length: 4 }, () => Buffer.concat(frames(this.#encode)));
  }

  of(ids: readonly number[]): Buffer {
    if (this.#first.length > 0)
      return Buffer.concat(ids.map((id) => numbered(this.#first.shift() ?? this.#one(), [id])));
    let many = this.#many.get(ids.length);
    if (many === undefined) {
      many = Buffer.concat(ids.map(() => this.#one()));
      this.#many.set(ids.length, many);
    }
    return numbered(many, ids);
  }

  #one(): Buffer {
    return Buffer.concat(this.#frames(this.#encode));
  }
}

/** Gives frames their streams' ids, each until the frame that ends it. */
function numbered(bytes: Buffer, ids: readonly number[]): Buffer {
  let next = 0;
  for (let at = 0; at < bytes.length; at += frameBytes(bytes, at)) {
    bytes.writeUInt32BE(ids[next] ?? 0, at + 5);
    if (((bytes[at + 4] ?? 0) & frameFlag.endStream) !== 0) next++;
  }
  return bytes;
}

/** Streams whose last frame is among these. */
function endedStreams(bytes: Buffer): number[] {
  const ids: number[] = [];
  for (let at = bytes[0] === 0x50 ? connectionPreface.length : 0; at < bytes.length; at += frameBytes(bytes, at)) {
    const isMessage = (bytes[at + 3] ?? 0) <= frameType.headers;
    if (isMessage && ((bytes[at + 4] ?? 0) & frameFlag.endStream) !== 0) ids.push(bytes.readUInt32BE(at + 5));
  }
  return ids;
}

function frameBytes(bytes: Buffer, at: number): number {
  return headerBytes + bytes.readUIntBE(at, 3);
}

const settingsAck = aFrame(frameType.settings, frameFlag.ack, 0);
