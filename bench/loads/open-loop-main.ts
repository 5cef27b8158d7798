/**
 * `node open-loop-main.ts PORT PATH PER_SECOND CONNECTIONS SECONDS`: sends HTTP/1.1 requests when they are due, whatever became of
 * those before. One that finds all connections busy waits for one, and its latency is counted from when it was due: a slow server
 * cannot hide by being asked less (no coordinated omission). Latencies of answers in the first fifth, half a second at most, are left
 * out: it is this program that is slow then. Prints one line of JSON.
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

const startUs = nowUs() + 100_000;
const durationUs = Number(seconds) * 1e6;
const countedFromUs = startUs + Math.min(500_000, durationUs / 5);
const latencies: number[] = [];
let count = 0;
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
    count++;
    const atUs = nowUs();
    if (atUs >= countedFromUs) latencies.push(atUs - this.#dueUs);
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
const workerData = { perSecond: Number(perSecond), startUs, endUs: startUs + durationUs };
const pacer = new Worker(new URL('pacer-main.ts', import.meta.url), { workerData });
pacer.on('message', (atUs: number | null) => {
  if (atUs !== null) return due(atUs);
  // What is not answered yet is lost to the figures; how much that is, is told.
  const unanswered = waiting.length + Number(connections) - idle.length;
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50Us, p99Us, p999Us] = [0.5, 0.99, 0.999].map((share) => quantileOf(sorted, share));
  console.log(JSON.stringify({ count, p50Us, p99Us, p999Us, errors, unanswered }));
  process.exit(0);
});
