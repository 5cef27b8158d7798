import type { EventStore, RecordedEvent } from '../../eventstore/event-store.ts';
import { ProjectionRunner, type ProjectionSink } from '../../eventstore/projection.ts';
import { orderIdOf, orderPrefix, type Orders } from '../app/orders.ts';
import { toOrderDocument, type OrderDocument } from '../readmodel/order-document.ts';
import { nextStep } from '../saga/next-step.ts';
import type { WorkItem } from '../saga/work-list.ts';

/** What the projections of orders read from. */
export type ProjectionSource = Readonly<{ store: EventStore; orders: Orders; onError: (error: unknown) => void }>;

/** A projection that keeps the whole document of each order: `orders@1` and `search@1` are made so. */
export function orderProjection(
  source: ProjectionSource,
  name: string,
  sink: ProjectionSink<OrderDocument>,
): ProjectionRunner<OrderDocument> {
  const { store, orders, onError } = source;
  const project = async (stream: string) => {
    const id = orderIdOf(stream);
    const { state, version } = await orders.load(id);
    return toOrderDocument(id, state, version);
  };
  return new ProjectionRunner({ name, store, prefixes: [orderPrefix], project, sink, onError });
}

/** When the saga looks at an order. `resolveAfterMs`: how long a request for payment is given to bring its own answer. */
export type WorkRules = Readonly<{
  isAutoComplete: boolean;
  resolveAfterMs: number;
  now: () => number;
  wake: () => void;
}>;

/** The projection that fills the saga's work list: `fulfilment@1`. */
export function workProjection(
  source: ProjectionSource,
  sink: ProjectionSink<WorkItem>,
  rules: WorkRules,
): ProjectionRunner<WorkItem> {
  const { store, orders, onError } = source;
  const project = async (stream: string): Promise<WorkItem | undefined> => {
    const orderId = orderIdOf(stream);
    const { state, version = -1n } = await orders.load(orderId);
    const step = nextStep(state, rules.isAutoComplete);
    if (step === undefined) return undefined;
    const dueAtMs = rules.now() + (step === 'resolvePayment' ? rules.resolveAfterMs : 0);
    const { requestId, traceparent } = metaOfLast(await store.readStream(stream, { backwards: true, limit: 1 }));
    return { orderId, version: Number(version), dueAtMs, attempts: 0, requestId, traceparent };
  };
  const waking: ProjectionSink<WorkItem> = {
    checkpoint: () => sink.checkpoint(),
    parked: () => sink.parked(),
    clear: () => sink.clear(),
    write: async (batch) => {
      await sink.write(batch);
      if (batch.docs.length > 0) rules.wake();
    },
  };
  return new ProjectionRunner({ name: 'fulfilment@1', store, prefixes: [orderPrefix], project, sink: waking, onError });
}

function metaOfLast(events: readonly RecordedEvent[]): Partial<RecordedEvent['meta']> {
  return events[0]?.meta ?? {};
}
