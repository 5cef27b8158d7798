/** Clients that send what they are told, right or wrong, and note what comes back until the sidecar is done with it. */
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connectionPreface, frameFlag, frameType } from '../../../sidecar/http2/frames.ts';
import { HpackDecoder } from '../../../sidecar/http2/hpack/decoder.ts';
import { aFrame, aSettings, parseFrames } from '../../../sidecar/http2/session.fixture.ts';
import type { Field } from './message.ts';

/** After so many seconds of silence a connection is ended from here; if that does not help, it counts as stuck. */
const patience = { expecting: 10, waiting: 1, done: 1 };
const stuckSeconds = 10;
/** A frame whose length is wrong swallows what is behind it: then nothing comes. */
const silenceMs = 500;

/** Of what was read: more must come, more may come, or nothing will. */
export type Progress = 'expecting' | 'waiting' | 'done';

export type Http1Answer = Readonly<{ octets: string; end: 'closed' | 'reset' | 'stuck' }>;

/**
 * Sends pieces of octets and reads to the end. Ends its own side once what was read is all that will come: to end it earlier is to hang
 * up, and for what nobody answers the sidecar waits. `next` is sent in its time.
 */
export async function talkHttp1(
  port: number,
  pieces: readonly Buffer[],
  progressOf: (octets: string) => Progress,
  next: Readonly<{ when: Promise<void>; octets: Buffer }> | null = null,
): Promise<Http1Answer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const answer = readAll(socket, progressOf);
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await turn();
  }
  void next?.when.then(() => {
    if (!socket.destroyed) socket.write(next.octets);
  });
  return answer;
}

function readAll(socket: Socket, progressOf: (octets: string) => Progress): Promise<Http1Answer> {
  let octets = '';
  let end: Http1Answer['end'] = 'closed';
  let silentSeconds = 0;
  const hangUp = () => {
    if (progressOf(octets) === 'done') socket.end();
  };
  socket.on('connect', hangUp);
  socket.on('data', (bytes: Buffer) => {
    octets += bytes.toString('latin1');
    silentSeconds = 0;
    hangUp();
  });
  socket.on('error', () => (end = 'reset'));
  socket.setTimeout(1000, () => {
    const limit = patience[progressOf(octets)];
    silentSeconds++;
    if (silentSeconds === limit) socket.end();
    if (silentSeconds === limit + stuckSeconds) {
      end = 'stuck';
      socket.destroy();
    }
    socket.setTimeout(1000);
  });
  return new Promise((done) => {
    // The sidecar's end of its side; ours has ended, or need not any more.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => done({ octets, end }));
  });
}

/** How a stream of HTTP/2 ended: with an answer, or by a reset, or with its connection (`goaway`, `closed`), or not at all. */
export type Http2Answer = {
  status: number;
  fields: Field[];
  body: string;
  trailers: Field[];
  end: 'open' | 'answered' | `reset ${number}` | `goaway ${number}` | 'closed' | 'stuck';
};

/** Sends octets to a server of HTTP/2, a PING behind them, and waits for its answer, for the end of the connection, or for silence. */
export async function pourHttp2(port: number, octets: Buffer): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const ping = 'the end!';
  let heard = '';
  socket.on('error', () => undefined);
  socket.on('end', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    heard = (heard + bytes.toString('latin1')).slice(-40_000);
    if (heard.includes(ping)) socket.destroy();
  });
  socket.setTimeout(silenceMs, () => socket.destroy());
  socket.write(Buffer.concat([octets, aFrame(frameType.ping, 0, 0, ping)]));
  await new Promise<void>((done) => socket.on('close', () => done()));
}

/** A connection of HTTP/2 on which one stream is open at a time. */
export class Http2Talk {
  readonly #socket: Socket;
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4096 });
  readonly #closed: Promise<void>;
  #left: Buffer = Buffer.alloc(0);
  #id = -1;
  #answer: Http2Answer | null = null;
  #done: (() => void) | null = null;
  isOver = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (bytes: Buffer) => this.#read(bytes));
    this.#socket.setTimeout(stuckSeconds * 1000, () => this.#end('stuck'));
    this.#closed = new Promise((done) => {
      this.#socket.on('close', () => {
        this.#end('closed');
        done();
      });
    });
    this.#socket.write(Buffer.concat([Buffer.from(connectionPreface), aSettings()]));
  }

  /** Sends the frames of one stream and waits for its end: the sidecar's, or, if it is reset by us, the answer to a ping behind that. */
  async ask(frames: (id: number) => readonly Buffer[]): Promise<Http2Answer> {
    this.#id += 2;
    const answer: Http2Answer = { status: 0, fields: [], body: '', trailers: [], end: 'open' };
    this.#answer = answer;
    const done = new Promise<void>((resolve) => (this.#done = resolve));
    for (const frame of frames(this.#id)) {
      this.#socket.write(frame);
      await turn();
    }
    await done;
    this.#answer = null;
    return answer;
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }

  #end(how: Exclude<Http2Answer['end'], 'open'>): void {
    if (how !== 'answered' && !how.startsWith('reset')) this.isOver = true;
    if (this.#answer !== null && this.#answer.end === 'open') this.#answer.end = how;
    this.#done?.();
  }

  #read(bytes: Buffer): void {
    this.#left = Buffer.concat([this.#left, bytes]);
    for (const { type, flags, id, payload } of parseFrames(this.#left)) {
      this.#left = this.#left.subarray(9 + payload.length);
      this.#take(type, flags, { id, payload });
    }
  }

  #take(type: number, flags: number, { id, payload }: { id: number; payload: Buffer }): void {
    const answer = id === this.#id ? this.#answer : null;
    if (type === frameType.settings && (flags & frameFlag.ack) === 0)
      this.#socket.write(aFrame(type, frameFlag.ack, 0));
    if (type === frameType.ping && (flags & frameFlag.ack) !== 0) this.#end('reset 8');
    if (type === frameType.goaway) this.#end(`goaway ${payload.readUInt32BE(4)}`);
    if (type === frameType.rstStream && answer !== null) this.#end(`reset ${payload.readUInt32BE(0)}`);
    if (type === frameType.headers) this.#takeHead(this.#decode(payload), answer);
    if (type === frameType.data && answer !== null) answer.body += payload.toString('latin1');
    const carries = type === frameType.headers || type === frameType.data;
    if (carries && (flags & frameFlag.endStream) !== 0 && answer !== null) this.#end('answered');
  }

  #takeHead(fields: Field[], answer: Http2Answer | null): void {
    if (answer === null) return;
    const status = Number(fields.find(([name]) => name === ':status')?.[1] ?? 0);
    if (status > 0 && status < 200) return;
    if (status === 0) answer.trailers = fields;
    else Object.assign(answer, { status, fields: fields.filter(([name]) => name !== ':status') });
  }

  #decode(block: Buffer): Field[] {
    const fields: Field[] = [];
    const fault = this.#decoder.decode(block, 0, block.length, {
      onField: (name, value) => fields.push([name, value]),
    });
    if (fault !== null) throw new Error(`the sidecar's header block: ${fault}`);
    return fields;
  }
}
