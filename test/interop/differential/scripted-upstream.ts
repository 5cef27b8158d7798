/** An upstream that does what the row of the table says, over HTTP/1.1 or HTTP/2, and notes what arrived where. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { certificates } from './bootstrap.ts';
import { responseText, type Answer, type Ports } from './case.ts';
import { clientPreface, serveHttp2, type Http2Script } from './http2-upstream.ts';
import { readHead, readMessage, type Fields } from './http-text.ts';
import { freePort } from '../../support/free-port.ts';

/** A request as it arrived. `isWhole` is false while (or if) its body did not come to an end. */
export type Arrival = {
  host: string;
  start: string;
  fields: Fields;
  body: Buffer;
  trailers: Fields;
  isWhole: boolean;
};

const ok: Answer = { kind: 'raw', bytes: responseText(200, ['content-type: text/plain'], 'from upstream') };

export class ScriptedUpstream {
  #script: readonly Answer[] = [ok];
  #arrivals: Arrival[] = [];
  readonly #held: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #servers: Server[] = [];
  ports: Ports = { a: 0, b: 0, tls: 0, refused: 0 };

  static async start(): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream();
    const listen = async (name: string, server: Server) => {
      server.on(name === 'tls' ? 'secureConnection' : 'connection', (socket: Socket) => upstream.#serve(name, socket));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      upstream.#servers.push(server);
      return portOf(server);
    };
    const { server, root } = certificates;
    const tls = createTlsServer({ cert: server.pem, key: server.keyPem, ca: root.pem, requestCert: true });
    upstream.ports = {
      a: await listen('a', createServer()),
      b: await listen('b', createServer()),
      tls: await listen('tls', tls),
      refused: await freePort(),
    };
    return upstream;
  }

  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  /** Forgets the row before. */
  begin(script: readonly Answer[] | undefined): void {
    this.release();
    this.#script = script ?? [ok];
    this.#arrivals = [];
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Answers what was held back. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #serve(host: string, socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => undefined);
    socket.once('data', (chunk: Buffer) => {
      const isHttp2 = chunk.toString('latin1', 0, clientPreface.length) === clientPreface;
      const receive = isHttp2 ? serveHttp2(host, socket, this.#http2) : this.#http1(host, socket);
      socket.on('data', receive);
      receive(chunk);
    });
  }

  readonly #http2: Http2Script = {
    arrive: (arrival) => {
      const answer = this.#arrive(arrival);
      return { answer, isEarly: isEarly(answer) };
    },
    schedule: (answer, send) => this.#schedule(answer, send),
  };

  /** Notes what came; how it is answered. */
  #arrive(arrival: Arrival): Answer {
    const answer = this.#script[Math.min(this.#arrivals.length, this.#script.length - 1)] ?? ok;
    this.#arrivals.push(arrival);
    return answer;
  }

  #http1(host: string, socket: Socket): (chunk: Buffer) => void {
    let bytes: Buffer = Buffer.alloc(0);
    let current: Arrival | null = null;
    let answer: Answer = ok;
    let isEchoing = false;
    return (chunk) => {
      if (isEchoing) return void socket.write(chunk);
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const found = readHead(bytes);
        if (found === null) return;
        if (current === null) {
          const { start, fields } = found.head;
          current = { host, start, fields, body: Buffer.alloc(0), trailers: [], isWhole: false };
          answer = this.#arrive(current);
          if (isEarly(answer)) this.#answer(socket, answer);
        }
        isEchoing = answer.kind === 'echo';
        if (isEchoing) return;
        const message = readMessage(bytes, 'byHead', false);
        if (message === null) {
          current.body = Buffer.from(bytes.subarray(found.size));
          return;
        }
        const { body, trailers } = message;
        Object.assign(current, { body: Buffer.from(body), trailers, isWhole: true });
        bytes = bytes.subarray(message.size);
        current = null;
        if (!isEarly(answer)) this.#answer(socket, answer);
      }
    };
  }

  #answer(socket: Socket, answer: Answer): void {
    switch (answer.kind) {
      case 'silence':
        return;
      case 'close':
        socket.end();
        return;
      case 'reset':
        socket.resetAndDestroy();
        return;
      case 'echo':
        socket.write(answer.bytes);
        return;
      case 'raw':
        this.#schedule(answer, () => {
          if (socket.destroyed) return;
          socket.write(answer.bytes);
          if (answer.ending === 'close') socket.end();
          if (answer.ending === 'reset') setTimeout(() => socket.resetAndDestroy(), 50);
        });
    }
  }

  #schedule(answer: Answer, send: () => void): void {
    if (answer.kind !== 'raw') return;
    if (answer.after === 'release') this.#held.push(send);
    else if (answer.delayMs === undefined) send();
    else setTimeout(send, answer.delayMs);
  }
}

function isEarly(answer: Answer): boolean {
  return answer.kind === 'echo' || (answer.kind === 'raw' && answer.after === 'head');
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
