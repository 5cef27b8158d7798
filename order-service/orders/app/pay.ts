import { SingleFlight } from '../../eventstore/turns.ts';
import { uuidv5 } from '../../eventstore/uuid.ts';
import { ProblemError } from '../../service/problem.ts';
import { requireDone } from '../../service/to-problem.ts';
import type { Money } from '../../service/money.ts';
import type { OutcomeCommand } from '../domain/order-command.ts';
import type { Orders, Receipt, RequestRef } from './orders.ts';
import type { Authorization, PaymentsGateway, PaymentStep } from './payments-gateway.ts';

/** The step under which the answer to an authorization is recorded: by the request, or by the saga, whoever has it first. */
export function authorizationStep(paymentId: string): string {
  return `authorize:${paymentId}`;
}

/** The command that records how payments decided. */
export function toOutcome(paymentId: string, authorization: Authorization): OutcomeCommand {
  if (authorization.kind === 'declined') {
    return { kind: 'recordDeclined', paymentId, code: authorization.code, servedBy: authorization.servedBy };
  }
  const { authorizationId, amount, servedBy } = authorization;
  return { kind: 'recordAuthorized', paymentId, authorizationId, amount, servedBy };
}

/**
 * Pays an order: the request is recorded, payments is asked, its answer is recorded. Tried again with the same key it goes
 * on where it broke off, and ends in the same answer. When payments' answer stays unknown the caller is told so, and
 * either the next try or the saga finds it out.
 */
export class PayOrder {
  readonly #orders: Orders;
  readonly #payments: PaymentsGateway;
  readonly #flights = new SingleFlight<Receipt>();

  constructor(orders: Orders, payments: PaymentsGateway) {
    this.#orders = orders;
    this.#payments = payments;
  }

  /** Pays; throws `payment_declined` when payments declined. */
  pay(id: string, request: RequestRef): Promise<Receipt> {
    const commandId = this.#orders.commandIdOf(id, request);
    return this.#flights.join(commandId, () => this.#pay(id, uuidv5(`payment\n${commandId}`), request));
  }

  async #pay(id: string, paymentId: string, request: RequestRef): Promise<Receipt> {
    const { call } = request;
    const asked = await this.#orders.change(id, { kind: 'requestPayment', paymentId }, request, {});
    const known = await this.#orders.recorded(id, authorizationStep(paymentId), call);
    if (known !== undefined) return requireAuthorized(known);
    const amount = asked.state.payment.amount ?? asked.state.total;
    const step = { orderId: id, paymentId, context: call };
    const command = toOutcome(paymentId, await this.#authorize(step, amount));
    const outcome = await this.#orders.record(id, command, authorizationStep(paymentId), call);
    const { version, position, state } = requireDone(outcome, 'order');
    return requireAuthorized({ id, version, position, replayed: asked.replayed, state });
  }

  async #authorize(step: PaymentStep, amount: Money): Promise<Authorization> {
    try {
      return await this.#payments.authorize({ ...step, amount });
    } catch (error) {
      const report = await this.#payments.find(step).catch(() => undefined);
      if (report?.kind === 'authorized' || report?.kind === 'declined') return report;
      throw error;
    }
  }
}

function requireAuthorized(receipt: Receipt): Receipt {
  const { payment } = receipt.state;
  if (payment.status !== 'declined') return receipt;
  const { declineCode = 'declined', paymentId, servedBy } = payment;
  throw new ProblemError('payment_declined', `declined: ${declineCode}`, {
    extra: { paymentId, declineCode },
    headers: servedBy === undefined ? {} : { 'x-payments-version': servedBy },
  });
}
