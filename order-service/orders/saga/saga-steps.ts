import type { CallContext } from '../../service/call-context.ts';
import type { InventoryGateway } from '../app/inventory-gateway.ts';
import type { Orders } from '../app/orders.ts';
import { authorizationStep, toOutcome } from '../app/pay.ts';
import type { PaymentsGateway } from '../app/payments-gateway.ts';
import type { OutcomeCommand } from '../domain/order-command.ts';
import type { OrderState } from '../domain/order-state.ts';
import type { SagaStep } from './next-step.ts';

/** What the steps act on. */
export type StepParts = Readonly<{
  orders: Orders;
  payments: PaymentsGateway;
  inventory: InventoryGateway;
  now: () => number;
}>;

/** One step of one order. */
export type StepRequest = Readonly<{ orderId: string; order: OrderState; context: CallContext }>;

/**
 * Carries out one step: asks the other service under a key made of order and step, and records the answer. Safe to repeat.
 * An answer that no longer fits the order (somebody cancelled it meanwhile) changes nothing: the next look decides.
 */
export async function performStep(parts: StepParts, step: SagaStep, request: StepRequest): Promise<void> {
  const { orders, now } = parts;
  const { orderId, context } = request;
  if (step === 'complete') {
    const command = { kind: 'complete', deliveredAt: new Date(now()).toISOString() } as const;
    await orders.change(orderId, command, { key: 'fulfilment:complete', call: context }, {});
    return;
  }
  const { command, name } = await ask(parts, step, request);
  await orders.record(orderId, command, name, context);
}

type Asked = Readonly<{ command: OutcomeCommand; name: string }>;

async function ask(parts: StepParts, step: Exclude<SagaStep, 'complete'>, request: StepRequest): Promise<Asked> {
  const { orderId, order, context } = request;
  const { inventory } = parts;
  switch (step) {
    case 'reserve': {
      const answer = await inventory.reserve({ orderId, context, lines: order.lines });
      const { kind } = answer;
      const command: OutcomeCommand =
        kind === 'reserved'
          ? { kind: 'recordReserved', reservationId: answer.reservationId }
          : { kind: 'recordRejected', missing: answer.missing };
      return { command, name: step };
    }
    case 'confirm':
      await inventory.confirm({ orderId, context });
      return { command: { kind: 'recordConfirmed' }, name: step };
    case 'release':
      await inventory.release({ orderId, context });
      return { command: { kind: 'recordReleased' }, name: step };
    case 'finish':
      return { command: { kind: 'finishCancellation' }, name: step };
    case 'capture':
    case 'void':
    case 'refund':
    case 'resolvePayment':
      return askPayments(parts, step, request);
  }
}

type PaymentStepName = 'capture' | 'void' | 'refund' | 'resolvePayment';

async function askPayments({ payments }: StepParts, step: PaymentStepName, request: StepRequest): Promise<Asked> {
  const { orderId, order, context } = request;
  const { paymentId = '' } = order.payment;
  const call = { orderId, paymentId, context };
  const captured: Asked = { command: { kind: 'recordCaptured', paymentId }, name: `capture:${paymentId}` };
  switch (step) {
    case 'capture':
      await payments.capture(call);
      return captured;
    case 'void': {
      const ended = await payments.void(call);
      if (ended === 'captured') return captured;
      return { command: { kind: 'recordVoided', paymentId }, name: `void:${paymentId}` };
    }
    case 'refund': {
      const { refundId } = await payments.refund(call);
      return { command: { kind: 'recordRefunded', paymentId, refundId }, name: `refund:${paymentId}` };
    }
    case 'resolvePayment': {
      const report = await payments.find(call);
      const name = authorizationStep(paymentId);
      if (report.kind === 'authorized' || report.kind === 'declined')
        return { command: toOutcome(paymentId, report), name };
      // Nobody knows of it: void it, so that a request which is still under way is refused when it arrives.
      await payments.void(call);
      return { command: { kind: 'recordDeclined', paymentId, code: 'timeout' }, name };
    }
  }
}
