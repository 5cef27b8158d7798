import type { OrderState } from '../domain/order-state.ts';

/** One thing the saga does for an order. */
export type SagaStep =
  | 'resolvePayment'
  | 'reserve'
  | 'capture'
  | 'confirm'
  | 'complete'
  | 'release'
  | 'void'
  | 'refund'
  | 'finish';

/**
 * What is to be done next for an order, if anything: read from the order alone, so that the saga has no state that could
 * disagree with it.
 *
 *   submitted:  reserve -> capture -> confirm -> complete
 *   cancelling: release -> void or refund -> finish
 *   awaiting_payment (when the request broke off): resolvePayment
 */
export function nextStep(order: OrderState, isAutoComplete: boolean): SagaStep | undefined {
  switch (order.status) {
    case 'awaiting_payment':
      return order.payment.status === 'requested' ? 'resolvePayment' : undefined;
    case 'submitted':
      return nextFulfilment(order, isAutoComplete);
    case 'cancelling':
      return nextCancellation(order);
    case 'none':
    case 'draft':
    case 'paid':
    case 'completed':
    case 'cancelled':
      return undefined;
  }
}

function nextFulfilment({ stock, payment }: OrderState, isAutoComplete: boolean): SagaStep | undefined {
  if (stock.status === 'none') return 'reserve';
  if (payment.status === 'authorized') return 'capture';
  if (stock.status === 'reserved') return 'confirm';
  return isAutoComplete ? 'complete' : undefined;
}

function nextCancellation({ stock, payment, wasSubmitted }: OrderState): SagaStep {
  if (wasSubmitted && stock.status !== 'rejected' && stock.status !== 'released') return 'release';
  if (payment.status === 'requested' || payment.status === 'authorized') return 'void';
  return payment.status === 'captured' ? 'refund' : 'finish';
}
