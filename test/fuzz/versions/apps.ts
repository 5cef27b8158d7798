/** Applications behind the sidecars that note what arrives: one reads octets by the reference reader, one is node:http2. */
import { once } from 'node:events';
import http2, { type ServerHttp2Stream } from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { endToEnd, type Field, type Message } from './message.ts';
import { readRequests } from './request-reader.ts';

/** What arrived for one case. */
export type Arrivals = {
  /** Whole requests, in order. */
  messages: Message[];
  /** What was read of those that were broken off. */
  broken: Message[];
  /** What no sender may write. */
  violations: string[];
};

const none = (): Arrivals => ({ messages: [], broken: [], violations: [] });

/** An application of a lane. */
export abstract class App {
  arrivals: Arrivals = none();
  /** Octets that answer the next request instead of the usual answer; the connection ends with them. */
  script: string | null = null;
  /** Called when the connection of the last script is closed on both sides. */
  onScriptEnd: () => void = () => undefined;
  protected abstract readonly server: Server;

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  /** What arrived since the last call. */
  take(): Arrivals {
    const { arrivals } = this;
    this.arrivals = none();
    return arrivals;
  }

  abstract close(): void;
}

/** What an application says to its `n`th request of a case, counted from 1. */
export const answerTo = (n: number): string => `answer ${n}`;

/** HTTP/1.1, octet by octet. */
export class Http1App extends App {
  protected readonly server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    let text = '';
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      // Behind its end it answers nothing: who sends there has a connection that was closed.
      if (socket.writable) text = this.#read(socket, text + bytes.toString('latin1'));
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const { begun, end } = readRequests(text);
      if (end === 'incomplete' && begun !== null) this.arrivals.broken.push(begun);
    });
  }

  /** Answers what is whole; gives what is left. */
  #read(socket: Socket, text: string): string {
    const { messages, end, rest } = readRequests(text);
    for (const message of messages) {
      this.arrivals.messages.push(message);
      this.#answer(socket, message);
    }
    if (end.startsWith('invalid') || (end === 'closed' && rest !== '')) {
      this.arrivals.violations.push(`${end}: ${JSON.stringify(rest.slice(0, 500))}`);
      socket.destroy();
    }
    return end === 'incomplete' ? rest : '';
  }

  #answer(socket: Socket, { method }: Message): void {
    const { script } = this;
    if (script !== null) {
      this.script = null;
      socket.on('close', () => this.onScriptEnd());
      socket.end(Buffer.from(script, 'latin1'));
      return;
    }
    const body = answerTo(this.arrivals.messages.length);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`);
  }
}

/** HTTP/2, read by nghttp2. */
export class Http2App extends App {
  protected readonly server = http2.createServer({ settings: { enableConnectProtocol: false } });
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  #open = 0;
  #onSettled: () => void = () => undefined;

  constructor() {
    super();
    this.server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', (error: Error) => this.arrivals.violations.push(`session: ${error.message}`));
      session.on('frameError', (type) => this.arrivals.violations.push(`frame of type ${type}`));
    });
    this.server.on('stream', (stream, _headers, _flags, raw) => this.#serve(stream as ServerHttp2Stream, raw));
  }

  close(): void {
    this.server.close();
    for (const session of this.#sessions) session.destroy();
  }

  /** Resolves when no stream is open. */
  async settled(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((done) => (this.#onSettled = done));
  }

  #serve(stream: ServerHttp2Stream, raw: readonly string[]): void {
    const fields = pairsOf(raw);
    const pseudo = (name: string) => fields.find(([each]) => each === name)?.[1] ?? '';
    const message = {
      method: pseudo(':method'),
      path: pseudo(':path') || pseudo(':authority'),
      authority: pseudo(':authority') || pseudo('host'),
      fields: endToEnd(fields.filter(([name]) => !name.startsWith(':'))),
    };
    const banned = fields.find(([name]) => /^(?:connection|transfer-encoding|upgrade|keep-alive)$/.test(name));
    if (banned !== undefined) this.arrivals.violations.push(`field ${banned[0]} in HTTP/2`);
    let body = '';
    let trailers: Field[] = [];
    this.#open++;
    let isWhole = false;
    stream.on('close', () => {
      // Not `aborted`: node tells that of no HEAD.
      if (!isWhole) this.arrivals.broken.push({ ...message, body, trailers });
      if (--this.#open === 0) this.#onSettled();
    });
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    stream.on('trailers', (_trailers, _flags, rawTrailers: readonly string[]) => (trailers = pairsOf(rawTrailers)));
    stream.on('end', () => {
      if (stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) return;
      isWhole = true;
      const said = fields.find(([name]) => name === 'content-length')?.[1];
      if (said !== undefined && Number(said) !== body.length && body !== '')
        this.arrivals.violations.push(`content-length ${said} of ${body.length} octets`);
      this.arrivals.messages.push({ ...message, body, trailers });
      if (stream.destroyed) return;
      const answer = answerTo(this.arrivals.messages.length);
      stream.respond({ ':status': 200, 'content-length': answer.length });
      stream.end(answer);
    });
  }
}

function pairsOf(raw: readonly string[]): Field[] {
  return Array.from(
    { length: raw.length / 2 },
    (_, index) => [raw[2 * index] ?? '', raw[2 * index + 1] ?? ''] as const,
  );
}
