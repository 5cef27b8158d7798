import { setTimeout as delay } from 'node:timers/promises';
import { Aggregate, type CommandOutcome } from '../eventstore/aggregate.ts';
import type { EventStore } from '../eventstore/event-store.ts';
import { uuidv5 } from '../eventstore/uuid.ts';
import type { CallContext } from '../service/call-context.ts';
import { MetaSource } from '../service/commands.ts';
import type { Money } from '../service/money.ts';
import { paymentCodec, paymentDecider, type PaymentCommand, type PaymentEvent, type PaymentState } from './payment.ts';

/** Which request it is, and on whose behalf. */
export type RequestRef = Readonly<{ key: string; call: CallContext }>;

/** What payments are made with. */
export type PaymentsParts = Readonly<{ store: EventStore; version: string; limitMinor: bigint }>;

/** Payments, each a stream of its own. Two processes may share the log: the stream's versions decide between them. */
export class Payments {
  readonly #aggregate: Aggregate<PaymentState, PaymentCommand, PaymentEvent>;
  readonly #meta: MetaSource;
  readonly #parts: PaymentsParts;

  constructor(parts: PaymentsParts) {
    this.#parts = parts;
    this.#meta = new MetaSource(`payments/${parts.version}`);
    this.#aggregate = new Aggregate({
      store: parts.store,
      codec: paymentCodec,
      decider: paymentDecider,
      pause: (attempt) => delay(Math.random() * 5 * attempt),
    });
  }

  /** Authorizes an amount for an order, or declines it: both are facts. */
  authorize(
    paymentId: string,
    asked: Readonly<{ orderId: string; amount: Money }>,
    request: RequestRef,
  ): Promise<CommandOutcome<PaymentState>> {
    const command: PaymentCommand = {
      kind: 'authorize',
      ...asked,
      authorizationId: uuidv5(`authorization\n${paymentId}`),
      processor: `tulip-pay/${this.#parts.version}`,
      limitMinor: this.#parts.limitMinor,
    };
    return this.#run(paymentId, command, { request, payload: asked });
  }

  /** Captures, voids or refunds a payment. */
  execute(
    paymentId: string,
    command: Exclude<PaymentCommand, { kind: 'authorize' }>,
    request: RequestRef,
  ): Promise<CommandOutcome<PaymentState>> {
    return this.#run(paymentId, command, { request, payload: {} });
  }

  /** A payment as it is now. */
  async find(paymentId: string): Promise<PaymentState | undefined> {
    const { state, version } = await this.#aggregate.load(streamOf(paymentId));
    return version === undefined ? undefined : state;
  }

  #run(
    paymentId: string,
    command: PaymentCommand,
    { request, payload }: Readonly<{ request: RequestRef; payload: unknown }>,
  ): Promise<CommandOutcome<PaymentState>> {
    const stream = streamOf(paymentId);
    const identity = { scope: stream, key: request.key, operation: `payments.${command.kind}`, payload };
    return this.#aggregate.execute({ stream, command, meta: this.#meta.of(identity, request.call) });
  }
}

function streamOf(paymentId: string): string {
  return `payment-${paymentId}`;
}
