/**
 * The saga `fulfilment`: brings every submitted order to an end, and takes back what a cancelled one holds elsewhere.
 *
 * In: the work list, which a projection fills from the log. Out: calls to inventory and payments through whatever proxy the
 * process was given, and facts on the order. It owns no state but the work list: the log is the outbox, and what is next
 * is read from the order (next-step.ts). A kill at any point costs a repeated call, which its key makes harmless.
 */
import { Bell } from '../../eventstore/tail.ts';
import { contextOfEvent } from '../../service/call-context.ts';
import { nextStep, type SagaStep } from './next-step.ts';
import { performStep, type StepParts } from './saga-steps.ts';
import type { WorkItem, WorkList } from './work-list.ts';

/** What the saga is built of. */
export type FulfilmentParts = StepParts &
  Readonly<{
    work: WorkList;
    isAutoComplete: boolean;
    concurrency: number;
    onStep: (step: SagaStep, result: 'ok' | 'failed', error?: unknown) => void;
    onError: (error: unknown) => void;
  }>;

const maxStepsAtOnce = 20;
const idlePollMs = 1000;

/** Works the list off until stopped. */
export class Fulfilment {
  readonly #parts: FulfilmentParts;
  readonly #bell = new Bell();
  readonly #active = new Map<string, Promise<void>>();
  readonly #again = new Map<string, WorkItem>();
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: FulfilmentParts) {
    this.#parts = parts;
  }

  /** Starts to work. */
  start(): void {
    this.#running = this.#run();
  }

  /** Looks at the list now. */
  wake(): void {
    this.#bell.ring();
  }

  /** Begins no further step and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#active.values());
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let pauseMs = idlePollMs;
      try {
        pauseMs = await this.#startDue();
      } catch (error) {
        this.#parts.onError(error);
      }
      await this.#bell.wait(pauseMs, signal);
    }
  }

  /** Starts what is due; gives how long there is nothing to start (unless the bell rings). */
  async #startDue(): Promise<number> {
    const { work, concurrency, now } = this.#parts;
    const room = concurrency - this.#active.size;
    if (room <= 0) return idlePollMs;
    const taken = await work.take(now(), room);
    for (const item of taken) this.#begin(item);
    const next = await work.nextDueAtMs();
    return next === undefined ? idlePollMs : Math.min(idlePollMs, Math.max(5, next - now()));
  }

  /** Begins with an order, or notes that it is to be looked at again when the work under way on it ends. */
  #begin(item: WorkItem): void {
    if (this.#active.has(item.orderId)) this.#again.set(item.orderId, item);
    else this.#active.set(item.orderId, this.#process(item));
  }

  #end(orderId: string): void {
    this.#active.delete(orderId);
    const again = this.#again.get(orderId);
    this.#again.delete(orderId);
    if (again !== undefined && !this.#stopping.signal.aborted) this.#begin(again);
    this.#bell.ring();
  }

  async #process(item: WorkItem): Promise<void> {
    const { work, now } = this.#parts;
    try {
      await this.#advance(item);
    } catch (error) {
      const waitMs = Math.min(10_000, 100 * 2 ** item.attempts);
      const reason = error instanceof Error ? error.message : String(error);
      await work.postpone(item.orderId, now() + waitMs, reason).catch(this.#parts.onError);
    } finally {
      this.#end(item.orderId);
    }
  }

  async #advance(item: WorkItem): Promise<void> {
    const { orders, work, isAutoComplete } = this.#parts;
    const { orderId } = item;
    for (let steps = 0; steps < maxStepsAtOnce; steps++) {
      const { state: order, version = -1n } = await orders.load(orderId);
      const step = nextStep(order, isAutoComplete);
      if (step === undefined) {
        await work.finish(orderId, Number(version));
        return;
      }
      if (this.#stopping.signal.aborted) return;
      await this.#step(step, { orderId, order, context: contextOfEvent(item, 'fulfilment') });
    }
    throw new Error(`no end after ${maxStepsAtOnce} steps`);
  }

  async #step(step: SagaStep, request: Parameters<typeof performStep>[2]): Promise<void> {
    try {
      await performStep(this.#parts, step, request);
      this.#parts.onStep(step, 'ok');
    } catch (error) {
      this.#parts.onStep(step, 'failed', error);
      throw error;
    }
  }
}
