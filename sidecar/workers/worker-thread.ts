/** One worker thread as the main thread has it: posts, and gets answers as promises, also when the worker dies. */
import { Worker } from 'node:worker_threads';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { DataPathReport } from '../data-path-report.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { SeriesEntry, SlabView } from '../telemetry/series.ts';
import type { Answers, FromWorker, ToWorker, WorkerSetup } from './messages.ts';

/** What is not the thread's own to handle. */
export type HandledMessage = Exclude<FromWorker, { kind: 'answer' | 'stopped' | 'series' | 'lastReport' }>;

/** Who hears of a worker. Nothing is called before the constructor has returned. */
export interface WorkerHandler {
  onMessage(message: HandledMessage): void;
  /** It has ended; `reason`: its uncaught error, or its exit code. */
  onExit(reason: string): void;
}

type Asked = { [K in keyof Answers]: Extract<ToWorker, { kind: K }> };

export class WorkerThread {
  /** What it was told last. */
  snapshot: Snapshot | null = null;
  lastReport: DataPathReport | null = null;
  /** Resolves when it has begun, or has died before. */
  readonly begun: Promise<void>;
  /** Resolves when it takes no more connections. */
  readonly stopped: Promise<void>;
  readonly #begin: () => void;
  readonly #stop: () => void;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  readonly #entries: SeriesEntry[] = [];
  #cells: Float64Array | null = null;
  #blocks: ReadonlyMap<string, SharedArrayBuffer> = new Map();
  #nextId = 1;
  #error: string | null = null;
  #hasEnded = false;

  constructor(entry: URL, setup: WorkerSetup, handler: WorkerHandler) {
    ({ promise: this.begun, resolve: this.#begin } = Promise.withResolvers<void>());
    ({ promise: this.stopped, resolve: this.#stop } = Promise.withResolvers<void>());
    this.#worker = new Worker(entry, { workerData: setup, name: `worker-${setup.index}` });
    this.#worker.on('message', (message: FromWorker) => this.#take(message, handler));
    this.#worker.on('error', (error) => (this.#error = describeError(error)));
    this.#worker.once('exit', (code) => {
      this.#hasEnded = true;
      for (const answer of this.#waiting.values()) answer(null);
      this.#waiting.clear();
      this.#begin();
      this.#stop();
      handler.onExit(this.#error ?? `exit code ${code}`);
    });
  }

  /** Its metrics so far; null until it has begun. */
  get slab(): SlabView | null {
    return this.#cells === null ? null : { cells: this.#cells, entries: this.#entries };
  }

  /** Of the counts of all clusters those that it has not got, which it is taken to get now. */
  newBlocks(blocks: ReadonlyMap<string, SharedArrayBuffer>): ReadonlyMap<string, SharedArrayBuffer> {
    const missing = [...blocks].filter(([cluster, block]) => this.#blocks.get(cluster) !== block);
    this.#blocks = blocks;
    return new Map(missing);
  }

  post(message: ToWorker): void {
    if (!this.#hasEnded) this.#worker.postMessage(message);
  }

  /** Posts, and resolves with the answer; null if the worker dies before. */
  ask<K extends keyof Answers>(kind: K, message: Omit<Asked[K], 'id' | 'kind'>): Promise<Answers[K] | null> {
    if (this.#hasEnded) return Promise.resolve(null);
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Answers[K] | null>();
    this.#waiting.set(id, (value) => resolve(value as Answers[K] | null));
    this.#worker.postMessage({ ...message, kind, id });
    return promise;
  }

  /** Stops it where it is. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(message: FromWorker, handler: WorkerHandler): void {
    switch (message.kind) {
      case 'answer':
        this.#waiting.get(message.id)?.(message.value);
        this.#waiting.delete(message.id);
        return;
      case 'ready':
        this.#cells = message.cells;
        this.#begin();
        handler.onMessage(message);
        return;
      case 'stopped':
        return this.#stop();
      case 'series':
        this.#entries.push(message.entry);
        return;
      case 'lastReport':
        this.lastReport = message.report;
        return;
      case 'log':
      case 'accessLog':
      case 'members':
      case 'fire':
        handler.onMessage(message);
    }
  }
}
