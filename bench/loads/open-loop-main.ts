/**
 * `node open-loop-main.ts PORT PATH PER_SECOND CONNECTIONS SECONDS`: sends HTTP/1.1 requests when they are due, whatever became of
 * those before. One that finds all connections busy waits for one, and its latency is counted from when it was due: a slow server
 * cannot hide by being asked less (no coordinated omission). Prints one line of JSON.
 */
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { quantileOf } from '../summary.ts';
import { AnswerReader } from './answer-reader.ts';

const [port = '', path = '', perSecond = '', connections = '', seconds = ''] = process.argv.slice(2);
const request = Buffer.from(
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: open-loop\r\nAccept: */*\r\n\r\n`,
);
const nowUs = () => Number(process.hrtime.bigint()) / 1000;

const latencies: number[] = [];
const idle: Connection[] = [];
const waiting: number[] = [];
let errors = 0;

class Connection {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #dueUs = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      console.error('a connection was closed');
      process.exit(1);
    });
  }

  send(dueUs: number): void {
    this.#dueUs = dueUs;
    this.#socket.write(request);
  }

  #read(chunk: Buffer): void {
    const status = this.#reader.read(chunk);
    if (status === null) return;
    if (status !== 200) errors++;
    latencies.push(nowUs() - this.#dueUs);
    const next = waiting.shift();
    if (next === undefined) idle.push(this);
    else this.send(next);
  }
}

function due(atUs: number): void {
  const connection = idle.pop();
  if (connection === undefined) waiting.push(atUs);
  else connection.send(atUs);
}

function open(): Promise<Connection> {
  return new Promise((done, fail) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => done(new Connection(socket)));
    socket.once('error', fail);
  });
}

idle.push(...(await Promise.all(Array.from({ length: Number(connections) }, open))));
const startUs = nowUs() + 50_000;
const workerData = { perSecond: Number(perSecond), startUs, endUs: startUs + Number(seconds) * 1e6 };
const pacer = new Worker(new URL('pacer-main.ts', import.meta.url), { workerData });
pacer.on('message', (atUs: number | null) => {
  if (atUs !== null) return due(atUs);
  // What is not answered yet is lost to the figures; how much that is, is told.
  const unanswered = waiting.length + Number(connections) - idle.length;
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50Us, p99Us, p999Us] = [0.5, 0.99, 0.999].map((share) => quantileOf(sorted, share));
  console.log(JSON.stringify({ count: sorted.length, p50Us, p99Us, p999Us, errors, unanswered }));
  process.exit(0);
});
