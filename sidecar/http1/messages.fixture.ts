import type { BodySink } from './body-reader.ts';
import { BodyReader } from './body-reader.ts';
import { HeadParser } from './head-parser.ts';
import { sharedWriter } from './byte-writer.ts';
import { HeadReader } from './head-reader.ts';
import { encodeRequestHead, encodeResponseHead } from './head-writer.ts';
import { HeaderMap } from './header-map.ts';
import type { RequestHead, ResponseHead } from './message.ts';
import { RequestReader } from './request-reader.ts';
import { encodeTrailers } from './trailers.ts';

/** What was read of one message. */
export type ReadMessage<Head> = {
  head: Head;
  body: string;
  trailers: [string, string][];
  isComplete: boolean;
};

/** What was read of a stream of requests, and what stopped it. */
export type ReadRequests = {
  messages: ReadMessage<RequestHead>[];
  fault: string | null;
  status: number | null;
  /** Octets behind the last message that were not looked at because it does not persist, or asks for a tunnel. */
  rest: string;
};

const limits = { maxHeadBytes: 60 * 1024, maxFields: 100 };

/** Cuts `text` at these offsets; each piece is a buffer of its own that is overwritten after use. */
export function pieces(text: string, cuts: readonly number[] = []): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const bounds = [0, ...cuts.filter((cut) => cut > 0 && cut < bytes.length).sort((a, b) => a - b), bytes.length];
  return bounds.slice(1).map((end, index) => Buffer.from(bytes.subarray(bounds[index], end)));
}

/** Reads requests as a connection would, one after the other, until the end, a fault, or one that ends the connection. */
export function readRequests(
  text: string,
  options: { lenient?: boolean; cuts?: readonly number[] } = {},
): ReadRequests {
  const reader = new RequestReader({ ...limits, lenient: options.lenient ?? false });
  const messages: ReadMessage<RequestHead>[] = [];
  let isOver = false;
  let rest = '';
  let isInBody = false;
  for (const piece of pieces(text, options.cuts)) {
    let at = 0;
    while (at < piece.length && !isOver) {
      const last = messages.at(-1);
      if (isInBody && last !== undefined) {
        at = reader.readBody(piece, at, collector(last));
        isInBody = !last.isComplete;
        isOver = reader.fault !== null;
      } else {
        at = reader.readHead(piece, at, 'http');
        isOver = reader.fault !== null;
        if (reader.head === null) continue;
        messages.push({ head: reader.head, body: '', trailers: [], isComplete: !reader.hasBody });
        isInBody = reader.hasBody;
      }
      const message = messages.at(-1);
      if (message?.isComplete === true && !isInBody) {
        isOver ||= !reader.isPersistent || message.head.upgrade !== null || message.head.method === 'CONNECT';
      }
    }
    if (isOver && reader.fault === null) rest += piece.toString('latin1', at);
    piece.fill(0x21);
  }
  return { messages, fault: reader.fault?.message ?? null, status: reader.fault?.status ?? null, rest };
}

/** Reads one response to a request of `method`; `isClosed`: the server closes behind it. */
export function readResponse(
  text: string,
  options: { method?: string; cuts?: readonly number[]; isClosed?: boolean; lenient?: boolean } = {},
): ReadMessage<ResponseHead> & { rest: string; isPersistent: boolean; fault: string | null } {
  const lenient = options.lenient ?? false;
  const reader = new HeadReader({ kind: 'response', maxBytes: limits.maxHeadBytes, lenient });
  const parser = new HeadParser({ maxFields: 100, lenient });
  const body = new BodyReader({ maxBytes: limits.maxHeadBytes, maxFields: 100 });
  const read = { head: null as ResponseHead | null, body: '', trailers: [] as [string, string][], isComplete: false };
  let fault: string | null = null;
  let rest = '';
  for (const piece of pieces(text, options.cuts)) {
    let at = 0;
    if (read.head === null && fault === null) {
      const outcome = reader.read(piece, 0);
      at = outcome === 'complete' ? reader.next : piece.length;
      if (outcome === 'complete') {
        read.head = parser.parseResponse(reader.bytes, reader.start, reader.end, options.method ?? 'GET');
        if (read.head === null) fault = (reader.diagnose() ?? parser.fault)?.message ?? '';
        else body.start(parser.framing, read.head.contentLength);
        read.isComplete = read.head !== null && body.isDone;
      } else if (outcome === 'fault') fault = reader.fault?.message ?? '';
    }
    if (read.head !== null && !body.isDone && fault === null) at = body.read(piece, at, collector(read));
    fault ??= body.fault?.message ?? null;
    if (fault === null) rest += piece.toString('latin1', at);
    piece.fill(0x21);
  }
  if (options.isClosed === true && read.head !== null) body.finish(collector(read));
  fault ??= body.fault?.message ?? null;
  return { ...read, head: read.head as ResponseHead, rest, isPersistent: parser.isPersistent, fault };
}

function collector(message: { body: string; trailers: [string, string][]; isComplete: boolean }): BodySink {
  return {
    onBody(bytes: Buffer, end: boolean) {
      if (message.isComplete) throw new Error('body after the end');
      message.body += bytes.toString('latin1');
      message.isComplete = end;
    },
    onTrailers(trailers: HeaderMap) {
      if (message.isComplete) throw new Error('trailers after the end');
      message.trailers = trailers.entries();
      message.isComplete = true;
    },
  };
}

/** The octets that a proxy sends on for a complete request: head and body as our client side writes them. */
export function encodeRequest({ head, body, trailers }: ReadMessage<RequestHead>): string {
  const isChunked = head.contentLength < 0;
  const framing = isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
  const copy = { ...head, headers: head.headers.clone() };
  const octets = encodeRequestHead(sharedWriter, copy, framing).toString('latin1');
  return octets + (isChunked ? encodeChunks(body, trailers) : body);
}

/** The octets of a complete response, as our server side writes them. */
export function encodeResponse({ head, body, trailers }: ReadMessage<ResponseHead>): string {
  const isChunked = head.contentLength < 0;
  const copy = { ...head, headers: head.headers.clone() };
  const octets = encodeResponseHead(sharedWriter, copy, isChunked ? 'chunked' : 'length', 'default').toString('latin1');
  return octets + (isChunked ? encodeChunks(body, trailers) : body);
}

function encodeChunks(body: string, trailers: [string, string][]): string {
  const data = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return data + encodeTrailers(sharedWriter, HeaderMap.from(trailers)).toString('latin1');
}
