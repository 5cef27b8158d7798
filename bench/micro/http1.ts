/**
 * What the HTTP/1.1 codec costs a head: `node bench/micro/http1.ts`. CPU of one core in nanoseconds, the median of nine rounds.
 *
 * `hop` is what a proxy does with a request: read the head, look three headers up, set one and add one, write it.
 */
import { sharedWriter } from '../../sidecar/http1/byte-writer.ts';
import { encodeRequestHead, encodeResponseHead } from '../../sidecar/http1/head-writer.ts';
import { HeadParser } from '../../sidecar/http1/head-parser.ts';
import { HeadReader } from '../../sidecar/http1/head-reader.ts';
import { RequestReader } from '../../sidecar/http1/request-reader.ts';

const rounds = 9;
const iterations = 200_000;

const requestHead = Buffer.from(
  [
    'GET /api/v1/orders/4711?expand=items HTTP/1.1',
    'Host: orders.shop.svc.cluster.local:8080',
    'User-Agent: curl/8.14.1',
    'Accept: application/json',
    'Accept-Encoding: gzip, br',
    'Cookie: session=0123456789abcdef',
    'X-Request-Id: 0f8fad5b-d9cb-469f-a165-70867728950e',
    'X-Forwarded-Proto: http',
    'Cache-Control: no-cache',
    'X-Tenant: blue',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n'),
);
const responseHead = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Content-Type: application/json; charset=utf-8',
    'Content-Length: 128',
    'Date: Tue, 01 Sep 2026 10:00:00 GMT',
    'ETag: "0123456789abcdef"',
    'Cache-Control: private, max-age=0',
    'Vary: accept-encoding',
    'Server: orders/1.4',
    'X-Trace: 0123456789abcdef',
    'X-Served-By: orders-7d9',
    'Keep-Alive: timeout=5',
    '',
    '',
  ].join('\r\n'),
);

const limits = { maxHeadBytes: 60 * 1024, maxFields: 100, lenient: false };
const requests = new RequestReader(limits);
const lenientRequests = new RequestReader({ ...limits, lenient: true });
const responses = new HeadReader({ kind: 'response', maxBytes: limits.maxHeadBytes, lenient: false });
const parser = new HeadParser(limits);
let sink = 0;

function readRequest(reader = requests) {
  reader.readHead(requestHead, 0, 'http');
  if (reader.head === null) throw new Error(reader.fault?.message);
  return reader.head;
}

function readResponse() {
  responses.read(responseHead, 0);
  const head = parser.parseResponse(responses.bytes, responses.start, responses.end, 'GET');
  if (head === null) throw new Error(parser.fault?.message);
  return head;
}

const cases: Record<string, () => void> = {
  'request: read': () => {
    sink += readRequest().headers.size;
  },
  'request: read, leniently': () => {
    sink += readRequest(lenientRequests).headers.size;
  },
  'request: read and write': () => {
    sink += encodeRequestHead(sharedWriter, readRequest(), 'none').length;
  },
  'request: hop': () => {
    const head = readRequest();
    const { headers } = head;
    sink += (headers.get('x-request-id')?.length ?? 0) + (headers.has('traceparent') ? 1 : 0);
    sink += headers.get('x-tenant')?.length ?? 0;
    headers.set('x-forwarded-proto', 'https');
    headers.add('traceparent', '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01');
    sink += encodeRequestHead(sharedWriter, head, 'none').length;
  },
  'response: hop': () => {
    const head = readResponse();
    head.headers.set('server', 'istio-envoy');
    head.headers.add('x-envoy-upstream-service-time', '1');
    sink += encodeResponseHead(sharedWriter, head, 'length', 'default').length;
  },
};

function measure(run: () => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / iterations;
}

console.log(`request head ${requestHead.length} B, response head ${responseHead.length} B`);
for (const [name, run] of Object.entries(cases)) {
  measure(run);
  const times = Array.from({ length: rounds }, () => measure(run)).sort((a, b) => a - b);
  console.log(
    `${name.padEnd(26)} ${times[rounds >> 1]?.toFixed(0).padStart(6)} ns  [${times[0]?.toFixed(0)}..${times.at(-1)?.toFixed(0)}]`,
  );
}
if (sink === 0) throw new Error('nothing was measured');
