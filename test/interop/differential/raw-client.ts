/** A client that sends bytes as they are, or their HTTP/2 counterpart, and reads the responses. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { certificates } from './bootstrap.ts';
import type { Send } from './case.ts';
import { exchangeHttp2 } from './http2-client.ts';
import { readMessage, type Framing, type Message } from './http-text.ts';

/** What one connection saw. */
export type Received = Readonly<{
  responses: readonly Message[];
  /** What came after the last response, as text. */
  rest: string;
  /** `open`: all responses have come; else how the connection ended, or that nothing more came. */
  end: 'open' | 'closed' | 'silent';
  /** Requests that ended without a whole answer, where the client can tell (HTTP/2). */
  failed?: number;
}>;

const limitMs = 8000;

/** Sends over a new connection; resolves when everything that was waited for has come, or the connection has ended. */
export function exchange(
  { port, isHttp2 }: Readonly<{ port: number; isHttp2: boolean }>,
  send: Send,
  hangUp: Promise<void> | null,
): Promise<Received> {
  if (isHttp2) return exchangeHttp2(open(port, send), send, hangUp);
  return new Promise((resolve) => {
    const socket = open(port, send);
    const reader = new ResponseReader(send);
    const finish = (end: Received['end']) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ responses: reader.responses, rest: reader.rest, end });
    };
    const timer = setTimeout(() => finish('silent'), limitMs);
    let hasSentMore = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      reader.receive(chunk);
      if (reader.hasInterim && !hasSentMore) {
        hasSentMore = true;
        if (send.afterInterim !== undefined) socket.write(send.afterInterim);
      }
      if (reader.isDone) finish('open');
    });
    socket.on('close', () => {
      reader.close();
      finish(reader.isDone ? 'open' : 'closed');
    });
    socket.write(send.bytes);
    void hangUp?.then(() => socket.destroy());
  });
}

function open(port: number, { certificate }: Send): Socket {
  if (certificate === undefined) return connect({ port, host: '127.0.0.1' });
  const own = certificate === 'none' ? null : certificates[certificate];
  const options = { port, host: '127.0.0.1', servername: 'server.test', rejectUnauthorized: false };
  return connectTls(own === null ? options : { ...options, cert: own.pem, key: own.keyPem });
}

class ResponseReader {
  readonly responses: Message[] = [];
  readonly #methods: readonly string[];
  readonly #send: Send;
  #bytes: Buffer = Buffer.alloc(0);
  #finals = 0;

  constructor(send: Send) {
    this.#send = send;
    const text = send.bytes.toString('latin1');
    this.#methods = [...text.matchAll(/(?:^|\r\n)([A-Z]+) \S+ HTTP\/1\.\d/g)].map((match) => match[1] ?? '');
  }

  get hasInterim(): boolean {
    return this.responses.some(({ head }) => statusOf(head.start) < 200);
  }

  get rest(): string {
    return this.#bytes.toString('latin1');
  }

  get isDone(): boolean {
    const { untilText, responses = 1 } = this.#send;
    return untilText === undefined ? this.#finals >= responses : this.rest.includes(untilText);
  }

  receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#read(false);
  }

  close(): void {
    this.#read(true);
  }

  #read(isClosed: boolean): void {
    while (!this.isDone) {
      const message = readMessage(this.#bytes, this.#framing(), isClosed);
      if (message === null) return;
      const status = statusOf(message.head.start);
      if (status >= 200 || status === 101) this.#finals++;
      this.responses.push(message);
      this.#bytes = this.#bytes.subarray(message.size);
      if (status === 101) return;
    }
  }

  #framing(): Framing {
    const status = Number(this.#bytes.toString('latin1', 9, 12));
    const isBodyless = status < 200 || status === 204 || status === 304 || this.#methods[this.#finals] === 'HEAD';
    return isBodyless ? 'none' : 'untilClose';
  }
}

function statusOf(start: string): number {
  return Number(start.slice(9, 12));
}
