import { accept, refuse, type Decision } from '../../eventstore/decider.ts';
import type { OrderEvent } from './events.ts';
import { isSameMoney } from '../../service/money.ts';
import type { OutcomeCommand } from './order-command.ts';
import type { OrderState, OrderStatus, PaymentStatus } from './order-state.ts';

type PaymentOutcome = Extract<OutcomeCommand, { paymentId: string }>;
type StockOutcome = Exclude<OutcomeCommand, PaymentOutcome>;

/**
 * What an answer of payments or inventory leads to. An answer that was recorded already leads to nothing (both the request
 * that asked and the saga may bring it); one that does not fit the order is refused as `stale`.
 */
export function decideOutcome(state: OrderState, command: OutcomeCommand): Decision<OrderEvent> {
  return 'paymentId' in command ? decidePayment(state, command) : decideStock(state, command);
}

function decidePayment(state: OrderState, command: PaymentOutcome): Decision<OrderEvent> {
  const { payment } = state;
  const { kind, paymentId } = command;
  if (payment.paymentId !== paymentId || payment.amount === undefined) return stale(state, kind);
  if (payment.status === resultOf[kind]) return accept();
  if (!allowedFrom[kind].includes(payment.status) || !allowedIn[kind].includes(state.status)) return stale(state, kind);
  switch (command.kind) {
    case 'recordAuthorized': {
      const { authorizationId, amount, servedBy } = command;
      if (!isSameMoney(amount, payment.amount)) return stale(state, kind);
      return accept({ type: 'PaymentAuthorized', data: { paymentId, authorizationId, amount, servedBy } });
    }
    case 'recordDeclined':
      return accept({ type: 'PaymentDeclined', data: { paymentId, code: command.code, servedBy: command.servedBy } });
    case 'recordCaptured':
      return accept({ type: 'PaymentCaptured', data: { paymentId, amount: payment.amount } });
    case 'recordVoided':
      return accept({ type: 'PaymentVoided', data: { paymentId } });
    case 'recordRefunded':
      return accept({
        type: 'PaymentRefunded',
        data: { paymentId, refundId: command.refundId, amount: payment.amount },
      });
  }
}

const resultOf: Readonly<Record<PaymentOutcome['kind'], PaymentStatus>> = {
  recordAuthorized: 'authorized',
  recordDeclined: 'declined',
  recordCaptured: 'captured',
  recordVoided: 'voided',
  recordRefunded: 'refunded',
};

const allowedFrom: Readonly<Record<PaymentOutcome['kind'], readonly PaymentStatus[]>> = {
  recordAuthorized: ['requested'],
  recordDeclined: ['requested'],
  recordCaptured: ['authorized'],
  recordVoided: ['requested', 'authorized'],
  recordRefunded: ['captured'],
};

/** While an order is cancelled, what was asked for before may still be answered. */
const allowedIn: Readonly<Record<PaymentOutcome['kind'], readonly OrderStatus[]>> = {
  recordAuthorized: ['awaiting_payment', 'cancelling'],
  recordDeclined: ['awaiting_payment', 'cancelling'],
  recordCaptured: ['submitted', 'cancelling'],
  recordVoided: ['cancelling'],
  recordRefunded: ['cancelling'],
};

function decideStock(state: OrderState, command: StockOutcome): Decision<OrderEvent> {
  const { stock, status } = state;
  const isOpen = status === 'submitted' || status === 'cancelling';
  switch (command.kind) {
    case 'recordReserved':
      if (stock.status === 'reserved') return accept();
      if (!isOpen || stock.status !== 'none') return stale(state, command.kind);
      return accept({ type: 'StockReserved', data: { reservationId: command.reservationId } });
    case 'recordRejected':
      if (stock.status === 'rejected') return accept();
      if (!isOpen || stock.status !== 'none') return stale(state, command.kind);
      return accept<OrderEvent>(
        { type: 'StockRejected', data: { missing: [...command.missing] } },
        ...(status === 'submitted' ? [outOfStock] : []),
      );
    case 'recordConfirmed':
      if (stock.status === 'confirmed') return accept();
      if (!isOpen || stock.status !== 'reserved') return stale(state, command.kind);
      return accept({ type: 'StockConfirmed', data: { reservationId: stock.reservationId ?? '' } });
    case 'recordReleased':
      if (stock.status === 'released') return accept();
      if (status !== 'cancelling') return stale(state, command.kind);
      return accept({ type: 'StockReleased', data: { reservationId: stock.reservationId ?? '' } });
    case 'finishCancellation':
      return finishCancellation(state);
  }
}

const outOfStock: OrderEvent = { type: 'CancellationRequested', data: { reason: 'out of stock', by: 'fulfilment' } };

function finishCancellation(state: OrderState): Decision<OrderEvent> {
  if (state.status === 'cancelled') return accept();
  const isMoneyBack = !['requested', 'authorized', 'captured'].includes(state.payment.status);
  const isStockFree = !state.wasSubmitted || ['rejected', 'released'].includes(state.stock.status);
  if (state.status !== 'cancelling' || !isMoneyBack || !isStockFree) return stale(state, 'finishCancellation');
  return accept({ type: 'OrderCancelled', data: { reason: state.cancelReason ?? '' } });
}

function stale(state: OrderState, kind: string): Decision<never> {
  const { status, payment, stock } = state;
  return refuse('stale', `${kind} does not fit: order ${status}, payment ${payment.status}, stock ${stock.status}`);
}
