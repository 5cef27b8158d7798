import assert from 'node:assert/strict';
import {
  connect,
  sensitiveHeaders,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { duplexPair, type Duplex } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { decodeBlock, encodeBlock, type Lines } from '../../sidecar/http2/hpack/blocks.fixture.ts';
import { HpackDecoder } from '../../sidecar/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../sidecar/http2/hpack/encoder.ts';

const prefaceBytes = 24;
const headBytes = 9;
const [headersFrame, settingsFrame] = [1, 4];
const tableSizeSetting = 1;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function settings(tableBytes: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(tableSizeSetting, 0);
  payload.writeUInt32BE(tableBytes, 2);
  return frame(settingsFrame, 0, 0, payload);
}

/** A server of bare frames: keeps what it decodes of each request, and answers with the next lines. */
class BareServer {
  readonly requests: string[][] = [];
  readonly faults: (string | null)[] = [];
  answer: (count: number) => Lines = () => [':status: 200'];

  readonly #decoder: HpackDecoder;
  readonly #encoder = new HpackEncoder({ maxTableBytes: 65_536 });
  readonly #socket: Duplex;
  #bytes = Buffer.alloc(0);
  #hasPreface = false;

  constructor(socket: Duplex, tableBytes: number) {
    this.#socket = socket;
    this.#decoder = new HpackDecoder({ maxTableBytes: tableBytes });
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.write(settings(tableBytes));
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#hasPreface && this.#bytes.length >= prefaceBytes) {
      this.#hasPreface = true;
      this.#bytes = this.#bytes.subarray(prefaceBytes);
    }
    while (this.#hasPreface && this.#bytes.length >= headBytes) {
      const end = headBytes + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      this.#take(this.#bytes.subarray(0, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #take(bytes: Buffer): void {
    const payload = bytes.subarray(headBytes);
    const isAcknowledgement = (bytes[4] ?? 0) % 2 === 1;
    if (bytes[3] === settingsFrame && !isAcknowledgement) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === tableSizeSetting) this.#encoder.setPeerTableSize(payload.readUInt32BE(at + 2));
      }
      this.#socket.write(frame(settingsFrame, 1, 0, Buffer.alloc(0)));
    } else if (bytes[3] === headersFrame) {
      const { fault, lines, sensitive } = decodeBlock(this.#decoder, payload);
      assert.deepEqual(sensitive, ['authorization']);
      this.faults.push(fault);
      this.requests.push(lines);
      const block = encodeBlock(this.#encoder, this.answer(this.requests.length));
      this.#socket.write(frame(headersFrame, 0x05, bytes.readUInt32BE(5), block));
    }
  }
}

function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const stream = client.request(headers, { endStream: true });
    stream.on('response', resolve).on('error', reject).resume();
  });
}

const fieldsOf = (i: number): Record<string, string> => ({
  'x-request-id': `id-${i}`,
  'x-constant': 'whatever it is',
  'content-length': '0',
  [`x-some-${i % 9}`]: 'v'.repeat(i % 50),
  'x-octets': `"\u00e9\u00ff~${i % 3}"`,
  authorization: `Bearer ${i}`,
});

describe("HPACK, with Node's HTTP/2 (nghttp2) at the other end", () => {
  let client: ClientHttp2Session | null = null;
  afterEach(() => client?.destroy());

  for (const [theirs, ours] of [
    [4096, 4096],
    [0, 0],
    [100, 300],
    [65_536, 65_536],
  ] as const) {
    it(`both understand each other, at table sizes of ${theirs} and ${ours}`, async () => {
      const [near, far] = duplexPair();
      const server = new BareServer(far, ours);
      server.answer = (i) => [
        ':status: 200',
        ...Object.entries(fieldsOf(i)).map(([name, value]) => `${name}: ${value}`),
      ];
      client = connect('http://orders', { createConnection: () => near, settings: { headerTableSize: theirs } });
      for (let i = 1; i <= 200; i++) {
        const path = `/orders/${i % 5}`;
        const received = await ask(client, { ':path': path, ':authority': 'orders', ...fieldsOf(i) });
        assert.deepEqual({ ...received }, { ':status': 200, ...fieldsOf(i), [sensitiveHeaders]: ['authorization'] });
        const sent = { ':path': path, ':method': 'GET', ':authority': 'orders', ':scheme': 'http', ...fieldsOf(i) };
        const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}`);
        assert.deepEqual(server.requests.at(-1)?.toSorted(), lines.toSorted());
      }
      assert.deepEqual(new Set(server.faults), new Set([null]));
    });
  }
});
