import { setTimeout as delay } from 'node:timers/promises';
import { Aggregate, type CommandOutcome, type Loaded } from '../../eventstore/aggregate.ts';
import type { EventMeta, EventStore, ExpectedVersion, Position, RecordedEvent } from '../../eventstore/event-store.ts';
import { uuidv5 } from '../../eventstore/uuid.ts';
import type { CallContext } from '../../service/call-context.ts';
import { MetaSource } from '../../service/commands.ts';
import { requireDone } from '../../service/to-problem.ts';
import { orderCodec, type OrderEvent } from '../domain/events.ts';
import type { CustomerCommand, OrderCommand, OrderRequest, OutcomeCommand } from '../domain/order-command.ts';
import { orderDecider } from '../domain/order-decider.ts';
import type { OrderState } from '../domain/order-state.ts';

/** Which request it is, on whose behalf, and at which version of the order it insists. */
export type RequestRef = Readonly<{ key: string; call: CallContext; expected?: ExpectedVersion | undefined }>;

/** A command that was carried out. `replayed`: it had been before, and this is its first answer again. */
export type Receipt = Readonly<{
  id: string;
  version: bigint;
  position: Position;
  replayed: boolean;
  state: OrderState;
}>;

/** A customer's command for an order that exists. */
export type LaterCommand = Exclude<CustomerCommand, { kind: 'place' }>;

/** What orders are made with. */
export type OrdersParts = Readonly<{
  store: EventStore;
  version: string;
  now?: (() => Date) | undefined;
  onConflict?: ((retried: boolean) => void) | undefined;
  onReplay?: (() => void) | undefined;
}>;

/** Where the streams of orders begin. */
export const orderPrefix = 'order-';

/** The orders: each a stream, changed by commands alone, each command carried out once for its key. */
export class Orders {
  readonly #aggregate: Aggregate<OrderState, OrderCommand, OrderEvent>;
  readonly #meta: MetaSource;
  readonly #parts: OrdersParts;

  constructor(parts: OrdersParts) {
    this.#parts = parts;
    this.#meta = new MetaSource(`orders/${parts.version}`, parts.now);
    this.#aggregate = new Aggregate({
      store: parts.store,
      codec: orderCodec,
      decider: orderDecider,
      pause: (attempt) => delay(Math.random() * 5 * attempt),
      onConflict: parts.onConflict,
    });
  }

  /** Places an order. Its id comes from customer and key, so that a repeated request finds the order it made. */
  async place(order: OrderRequest, request: RequestRef): Promise<Receipt> {
    const id = uuidv5(`order\n${order.customerId}\n${request.key}`);
    return this.#run(id, { kind: 'place', order }, { request, payload: order });
  }

  /** Carries out a customer's command. `payload`: what the customer sent, for telling a repeated key from a reused one. */
  change(id: string, command: LaterCommand, request: RequestRef, payload: unknown): Promise<Receipt> {
    return this.#run(id, command, { request, payload });
  }

  /** The id of a request's command on an order: whatever is derived from it is the same on every try. */
  commandIdOf(id: string, request: RequestRef): string {
    return this.#metaOf(id, { kind: 'submit' }, { request, payload: {} }).commandId;
  }

  /** Records what payments or inventory answered. `step` names the call, so that each answer is recorded once. */
  record(id: string, command: OutcomeCommand, step: string, call: CallContext): Promise<CommandOutcome<OrderState>> {
    const request = { key: `outcome:${step}`, call };
    const meta = { ...this.#metaOf(id, command, { request, payload: {} }), fingerprint: 'outcome' };
    return this.#aggregate.execute({ stream: streamOf(id), command, meta });
  }

  /** The first record of a step's answer, when there is one. */
  async recorded(id: string, step: string, call: CallContext): Promise<Receipt | undefined> {
    const { commandId } = this.#metaOf(
      id,
      { kind: 'submit' },
      { request: { key: `outcome:${step}`, call }, payload: {} },
    );
    const handled = (await this.load(id)).handled.get(commandId);
    if (handled === undefined) return undefined;
    const { state } = await this.load(id, handled.version);
    return { id, version: handled.version, position: handled.position, replayed: true, state };
  }

  /** An order folded from the log, now or as it was at a version. */
  load(id: string, at?: bigint): Promise<Loaded<OrderState>> {
    return this.#aggregate.load(streamOf(id), at);
  }

  /** The facts of an order. */
  history(id: string): Promise<readonly RecordedEvent[]> {
    return this.#parts.store.readStream(streamOf(id));
  }

  async #run(id: string, command: OrderCommand, with_: RequestWithPayload): Promise<Receipt> {
    const { expected } = with_.request;
    const meta = this.#metaOf(id, command, with_);
    const done = requireDone(await this.#aggregate.execute({ stream: streamOf(id), command, expected, meta }), 'order');
    if (done.replayed) this.#parts.onReplay?.();
    const { version, position, replayed, state } = done;
    return { id, version, position, replayed, state };
  }

  #metaOf(id: string, command: OrderCommand, { request, payload }: RequestWithPayload): EventMeta {
    const operation = `orders.${command.kind}`;
    return this.#meta.of({ scope: streamOf(id), key: request.key, operation, payload }, request.call);
  }
}

type RequestWithPayload = Readonly<{ request: RequestRef; payload: unknown }>;

function streamOf(id: string): string {
  return `${orderPrefix}${id}`;
}

/** The id of the order whose stream it is. */
export function orderIdOf(stream: string): string {
  return stream.slice(orderPrefix.length);
}
