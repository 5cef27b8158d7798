/** A client that sends any frames, and one that behaves: attacks on a sidecar, and who must be served all along. */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connectionPreface, frameFlag, frameType } from '../../sidecar/http2/frames.ts';
import { aFrame, aSettings, parseFrames, type SeenFrame } from '../../sidecar/http2/session.fixture.ts';

const headerBytes = 9;

/** One connection, with its handshake done unless it is to be `bare`. */
export class Attacker {
  readonly socket: Socket;
  /** Resolves when the connection has ended, whichever way. */
  readonly closed: Promise<void>;
  readonly frames: SeenFrame[] = [];
  #unread: Buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#isClosed = true;
        resolve();
      }),
    );
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** `settings`: those of the client. */
  static async open(port: number, settings: [number, number][] = []): Promise<Attacker> {
    const attacker = await Attacker.bare(port);
    attacker.socket.write(
      Buffer.concat([connectionPreface, aSettings(...settings), aFrame(frameType.settings, frameFlag.ack, 0)]),
    );
    return attacker;
  }

  static bare(port: number): Promise<Attacker> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => {
        socket.off('error', reject);
        resolve(new Attacker(socket));
      });
      socket.once('error', reject);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Code of the last GOAWAY; -1: none came. */
  get goaway(): number {
    const last = this.frames.findLast(({ type }) => type === frameType.goaway);
    return last === undefined ? -1 : last.payload.readUInt32BE(4);
  }

  /** Frames of this type. */
  count(type: number): number {
    return this.frames.filter((frame) => frame.type === type).length;
  }

  /** Sends as fast as the connection takes it, until it ends or `times` are sent. */
  async flood(next: (round: number) => Buffer, times: number): Promise<void> {
    for (let round = 0; round < times && !this.#isClosed; round++) {
      if (!this.socket.write(next(round))) await this.#drained();
      // Reads what was said in between.
      else if (round % 50 === 49) await turn();
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off('drain', done).off('close', done);
        resolve();
      };
      this.socket.once('drain', done).once('close', done);
    });
  }

  /** Bodies are not kept. */
  #receive(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    const found = parseFrames(this.#unread);
    for (const frame of found) {
      const isBody = frame.type === frameType.data;
      this.frames.push({ ...frame, payload: isBody ? Buffer.alloc(0) : Buffer.from(frame.payload) });
    }
    const used = found.reduce((sum, { payload }) => sum + headerBytes + payload.length, 0);
    this.#unread = Buffer.from(this.#unread.subarray(used));
  }
}

/** Somebody else's client: one request after the other over one connection. */
export class Witness {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  readonly #times: number[] = [];
  readonly failures: string[] = [];
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#running = this.#run();
  }

  get served(): number {
    return this.#times.length;
  }

  /** Milliseconds. */
  get p99(): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const begun = performance.now();
      const outcome = await this.#get();
      if (outcome === '200 fine') this.#times.push(performance.now() - begun);
      else this.failures.push(outcome);
    }
  }

  #get(): Promise<string> {
    return new Promise((resolve) => {
      const call = request({ port: this.#port, host: '127.0.0.1', path: '/fine', agent: this.#agent }, (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve(`${answer.statusCode} ${body}`));
        answer.on('error', (error) => resolve(error.message));
      });
      call.on('error', (error) => resolve(error.message));
      call.end();
    });
  }
}
