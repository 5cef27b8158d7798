import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { EventStore } from '../eventstore/event-store.ts';
import { StoreError } from '../eventstore/store-error.ts';

/** What orders counts. Rendered at /metrics. */
export class OrdersMetrics {
  readonly registry = new Registry();
  readonly #appends: Counter;
  readonly #conflicts: Counter;
  readonly #replays: Counter;
  readonly #sagaSteps: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#appends = new Counter({ name: 'es_append_total', help: 'Appends', labelNames: ['result'], registers });
    this.#conflicts = new Counter({
      name: 'es_conflicts_total',
      help: 'Conflicts',
      labelNames: ['retried'],
      registers,
    });
    this.#replays = new Counter({ name: 'idempotent_replays_total', help: 'Commands answered from before', registers });
    const labelNames = ['step', 'result'];
    this.#sagaSteps = new Counter({ name: 'saga_steps_total', help: 'Steps of the saga', labelNames, registers });
  }

  /** A command met another writer. */
  conflict(retried: boolean): void {
    this.#conflicts.inc({ retried: String(retried) });
  }

  /** A command was answered from before. */
  replay(): void {
    this.#replays.inc();
  }

  /** The saga took a step. */
  sagaStep(step: string, result: string): void {
    this.#sagaSteps.inc({ step, result });
  }

  /** Shows how far behind projections are. */
  watchProjections(projections: readonly Readonly<{ name: string; lagMs: number }>[]): void {
    const gauge: Gauge<'projection'> = new Gauge({
      name: 'projection_lag_seconds',
      help: 'Age of the oldest event that may be missing from the view',
      labelNames: ['projection'],
      registers: [this.registry],
      collect: () => {
        for (const { name, lagMs } of projections) gauge.set({ projection: name }, lagMs / 1000);
      },
    });
  }

  /** The store, with its appends counted. */
  counting(store: EventStore): EventStore {
    const appends = this.#appends;
    return {
      start: store.start,
      append: async (stream, expected, events) => {
        try {
          const result = await store.append(stream, expected, events);
          appends.inc({ result: result.deduplicated ? 'deduplicated' : 'ok' });
          return result;
        } catch (error) {
          appends.inc({ result: error instanceof StoreError ? error.code : 'error' });
          throw error;
        }
      },
      readStream: (stream, options) => store.readStream(stream, options),
      readAll: (options) => store.readAll(options),
      subscribe: (options) => store.subscribe(options),
      head: () => store.head(),
      compare: (a, b) => store.compare(a, b),
      close: () => store.close(),
    };
  }
}
