/**
 * What HPACK costs: `node bench/micro/hpack.ts`. CPU of one core in nanoseconds, the median of nine rounds; then what the rules of
 * indexing make of a stream of requests, in octets.
 *
 * A head is that of a gRPC call. `indexed`: all of its fields are in the tables. `fresh`: it also has a request id and a trace that are
 * new each time. `hop` is what a proxy does with a head: decode it and encode it for the next connection.
 */
import { BlockWriter } from '../../sidecar/http2/hpack/block-writer.ts';
import { HpackDecoder, type FieldSink } from '../../sidecar/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../sidecar/http2/hpack/encoder.ts';
import { EncoderTable } from '../../sidecar/http2/hpack/encoder-table.ts';
import { HuffmanDecoder } from '../../sidecar/http2/hpack/huffman-decoder.ts';
import { encodeHuffman, huffmanBytes } from '../../sidecar/http2/hpack/huffman-encoder.ts';
import type { NameRecord } from '../../sidecar/http2/hpack/name-record.ts';
import { seededRandom } from '#shared/runtime/random.ts';

const rounds = 9;
const iterations = 200_000;
const variants = 1024;

type Head = readonly (readonly [name: string, value: string])[];

const random = seededRandom(7541);
const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
/** As strings that were read: in one piece. */
const flat = (text: string) => Buffer.from(text).toString('latin1');
const requestId = () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
const methods = ['PlaceOrder', 'GetOrder', 'ListOrders', 'CancelOrder', 'WatchOrders'];

const indexedHead: Head = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.orders.v1.OrderService/PlaceOrder'],
  [':authority', 'orders.shop.svc.cluster.local:8080'],
  ['te', 'trailers'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-node-js/1.14.7'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['x-forwarded-proto', 'http'],
];
const responseHead: Head = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['server', 'istio-envoy'],
  ['date', 'Tue, 01 Sep 2026 10:00:00 GMT'],
];
const trailers: Head = [
  ['grpc-status', '0'],
  ['grpc-message', ''],
];
const freshHeads = Array.from({ length: variants }, (): Head => [
  ...indexedHead,
  ['x-request-id', flat(requestId())],
  ['traceparent', flat(`00-${hex(32)}-${hex(16)}-01`)],
]);
const first = freshHeads[0] ?? [];

let sink = 0;
const counting: FieldSink = { onField: (name, value) => void (sink += name.length + value.length) };

function encode(encoder: HpackEncoder, head: Head): Buffer {
  encoder.begin();
  for (const [name, value] of head) encoder.field(name, value);
  return encoder.finish();
}

/** An encoder and a decoder that know these heads. */
function aPair(heads: readonly Head[]): { encoder: HpackEncoder; decoder: HpackDecoder; blocks: Buffer[] } {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxTableBytes: 4096 });
  const blocksOf = () => heads.map((head) => Buffer.from(encode(encoder, head)));
  for (const block of [...blocksOf(), ...blocksOf()]) decoder.decode(block, 0, block.length, counting);
  return { encoder, decoder, blocks: blocksOf() };
}

const indexed = aPair([indexedHead]);
const fresh = aPair(freshHeads);
const response = aPair([responseHead, trailers]);
const next = new HpackEncoder();
const forwarding: FieldSink = { onField: (name, value) => next.field(name, value) };

function decode(pair: ReturnType<typeof aPair>, i: number): void {
  const block = pair.blocks[i % pair.blocks.length] ?? Buffer.alloc(0);
  if (pair.decoder.decode(block, 0, block.length, counting) !== null) throw new Error('malformed');
}

function hop(pair: ReturnType<typeof aPair>, i: number): void {
  const block = pair.blocks[i % pair.blocks.length] ?? Buffer.alloc(0);
  next.begin();
  pair.decoder.decode(block, 0, block.length, forwarding);
  sink += next.finish().length;
}

const path = '/shop.orders.v1.OrderService/PlaceOrder';
const coded = Buffer.alloc(huffmanBytes(path));
encodeHuffman(path, coded, 0);
const huffman = new HuffmanDecoder();
const table = new EncoderTable(4096);
const joined = new Map<string, number>();
for (const [name, value] of indexedHead) {
  const record = table.recordOf(name);
  if (table.indexOf(record, value) === 0) table.insert(record, value);
  joined.set(`${name}\0${value}`, joined.size);
}

const cases: Record<string, (i: number) => void> = {
  'encode: indexed request': () => void (sink += encode(indexed.encoder, indexedHead).length),
  'encode: fresh request': (i) => void (sink += encode(fresh.encoder, freshHeads[i % variants] ?? first).length),
  'encode: response': () => void (sink += encode(response.encoder, responseHead).length),
  'encode: trailers': () => void (sink += encode(response.encoder, trailers).length),
  'decode: indexed request': (i) => decode(indexed, i),
  'decode: fresh request': (i) => decode(fresh, i),
  'decode: response, trailers': (i) => decode(response, i),
  'hop: indexed request': (i) => hop(indexed, i),
  'hop: fresh request': (i) => hop(fresh, i),
  'Huffman: encode a path': () => void (sink += encodeHuffman(path, coded, 0)),
  'Huffman: decode a path': () => void (sink += huffman.decode(coded, 0, coded.length)?.length ?? 0),
  'look up: by name, by value': () => {
    for (const [name, value] of indexedHead) sink += table.indexOf(table.recordOf(name), value);
  },
  'look up: by both joined': () => {
    for (const [name, value] of indexedHead) sink += joined.get(`${name}\0${value}`) ?? 0;
  },
};

function measure(run: (i: number) => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) run(i);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / iterations;
}

console.log(`blocks: indexed ${indexed.blocks[0]?.length} B, fresh ${fresh.blocks[1]?.length} B`);
for (const [name, run] of Object.entries(cases)) {
  measure(run);
  const times = Array.from({ length: rounds }, () => measure(run)).sort((a, b) => a - b);
  console.log(
    `${name.padEnd(28)} ${times[rounds >> 1]?.toFixed(0).padStart(6)} ns  [${times[0]?.toFixed(0)}..${times.at(-1)?.toFixed(0)}]`,
  );
}
if (sink === 0) throw new Error('nothing was measured');

const nghttp2Literals = /^(:path|age|content-length|etag|if-modified-since|if-none-match|location|set-cookie)$/;

/** Rules of indexing, by name. */
const rules: Record<string, (table: EncoderTable, record: NameRecord, value: string) => boolean> = {
  ours: (table, record, value) => table.admits(record, value),
  nghttp2: (_table, record) => !nghttp2Literals.test(record.name),
  'Go: all': () => true,
  none: () => false,
};

/** Requests, each with its response head, as one connection sees them at 200 a second. */
const streams: Record<string, (i: number) => Head[]> = {
  'gRPC, five methods': (i) => [
    (freshHeads[i] ?? first).map(([name, value]) => [
      name,
      name === ':path' ? `/shop.orders.v1.OrderService/${methods[i % 5]}` : value,
    ]),
    [...responseHead.slice(0, 3), ['date', `Tue, 01 Sep 2026 10:00:${String(Math.floor(i / 200) + 10)} GMT`]],
    trailers,
  ],
  'REST, a path each': (i) => [
    (freshHeads[i] ?? first).map(([name, value]) => [
      name,
      name === ':path' ? `/api/v1/orders/${hex(8)}?expand=items` : value,
    ]),
    [
      [':status', '200'],
      ['content-type', 'application/json'],
      ['content-length', String(Math.floor(random() * 2000))],
      ['etag', `"${hex(16)}"`],
      ['date', `Tue, 01 Sep 2026 10:00:${String(Math.floor(i / 200) + 10)} GMT`],
      ['x-envoy-upstream-service-time', String(Math.floor(random() * 20))],
    ],
  ],
};

function meanBytes(stream: (i: number) => Head[], admits: (typeof rules)[string]): number {
  const tables = [new EncoderTable(4096), new EncoderTable(4096)];
  const writer = new BlockWriter();
  let bytes = 0;
  for (let i = 0; i < variants; i++) {
    stream(i).forEach((head, at) => {
      const table = tables[at === 0 ? 0 : 1] ?? new EncoderTable(0);
      const block = writer.begin();
      writer.reserve(4096);
      for (const [name, value] of head) {
        const record = table.recordOf(name);
        const index = table.indexOf(record, value);
        if (index > 0) writer.integer(0x80, 0x7f, index);
        else {
          const isAdmitted = admits(table, record, value);
          const nameIndex = table.nameIndexOf(record);
          writer.integer(0x40, isAdmitted ? 0x3f : 0x0f, nameIndex);
          if (nameIndex === 0) writer.text(name);
          writer.text(value);
          if (isAdmitted) table.insert(record, value);
        }
      }
      bytes += writer.finish(block).length;
    });
  }
  return bytes / variants;
}

for (const [name, stream] of Object.entries(streams)) {
  const means = Object.entries(rules).map(([rule, admits]) => `${rule} ${meanBytes(stream, admits).toFixed(0)}`);
  console.log(`octets of request and response heads: ${name}: ${means.join(', ')}`);
}
