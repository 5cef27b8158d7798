import { BodyReader, type BodySink } from './body-reader.ts';
import { HeadParser } from './head-parser.ts';
import { HeadReader } from './head-reader.ts';
import type { RequestHead } from './message.ts';
import type { ProtocolFault } from './protocol-error.ts';

/** Limits of received messages. */
export type MessageLimits = Readonly<{ maxHeadBytes: number; maxFields: number; lenient: boolean }>;

/** Reads the requests of one connection, one after the other: a head, then its body. Pure: owned by the connection. */
export class RequestReader {
  /** Of the last call: the head, when it was whole. */
  head: RequestHead | null = null;
  headBytes = 0;
  fault: ProtocolFault | null = null;
  /** The client keeps the connection open after this request. */
  isPersistent = true;
  /** Of a refused head: what could be read. */
  method = '';
  path = '';
  authority = '';

  readonly #reader: HeadReader;
  readonly #parser: HeadParser;
  readonly #body: BodyReader;

  constructor(limits: MessageLimits) {
    this.#reader = new HeadReader({ kind: 'request', maxBytes: limits.maxHeadBytes, lenient: limits.lenient });
    this.#parser = new HeadParser(limits);
    this.#body = new BodyReader({ maxBytes: limits.maxHeadBytes, maxFields: limits.maxFields });
  }

  /** Part of a head has come. */
  get hasBegun(): boolean {
    return this.#reader.hasBegun;
  }

  /** A body follows the last head. */
  get hasBody(): boolean {
    return !this.#body.isDone;
  }

  /** Takes octets from `from` on; returns where what does not belong to the head starts. Sets `head` or `fault` when it is whole. */
  readHead(bytes: Buffer, from: number, scheme: string): number {
    const reader = this.#reader;
    this.head = null;
    const outcome = reader.read(bytes, from);
    if (outcome === 'incomplete') return bytes.length;
    if (outcome === 'fault') {
      this.#refuse(reader.fault, '', '');
      return bytes.length;
    }
    const parser = this.#parser;
    this.head = parser.parseRequest(reader.bytes, reader.start, reader.end, scheme);
    this.headBytes = reader.end - reader.start;
    if (this.head === null) {
      this.#refuse(reader.diagnose() ?? parser.fault, parser.method, parser.path);
      this.authority = parser.authority;
      return bytes.length;
    }
    this.isPersistent = parser.isPersistent;
    this.#body.start(parser.framing, this.head.contentLength);
    return reader.next;
  }

  /** Takes octets of the body; returns where what does not belong to it starts. May set `fault`. */
  readBody(bytes: Buffer, from: number, sink: BodySink): number {
    const next = this.#body.read(bytes, from, sink);
    this.fault = this.#body.fault;
    return next;
  }

  /** Nobody wants the rest of the body. */
  stop(): void {
    this.#body.stop();
  }

  #refuse(fault: ProtocolFault | null, method: string, path: string): void {
    this.fault = fault;
    this.method = method;
    this.path = path;
    this.authority = '';
  }
}
