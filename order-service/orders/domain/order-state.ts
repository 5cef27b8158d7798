import { totalOf } from './cart.ts';
import type { Address, MissingStock, OrderEvent, OrderLine } from './events.ts';
import { moneyOf, type Money } from '../../service/money.ts';

/** Where an order is on its way. `none`: there is no such order. */
export type OrderStatus =
  | 'none'
  | 'draft'
  | 'awaiting_payment'
  | 'paid'
  | 'submitted'
  | 'cancelling'
  | 'completed'
  | 'cancelled';

/** How the payment of an order stands. */
export type PaymentStatus = 'none' | 'requested' | 'authorized' | 'captured' | 'declined' | 'voided' | 'refunded';

/** How the stock of an order stands. */
export type StockStatus = 'none' | 'reserved' | 'rejected' | 'confirmed' | 'released';

/** The payment of an order. */
export type OrderPayment = Readonly<{
  status: PaymentStatus;
  paymentId?: string | undefined;
  amount?: Money | undefined;
  authorizationId?: string | undefined;
  declineCode?: string | undefined;
  servedBy?: string | undefined;
}>;

/** The stock of an order. */
export type OrderStock = Readonly<{
  status: StockStatus;
  reservationId?: string | undefined;
  missing?: readonly MissingStock[] | undefined;
}>;

/** An order, folded from its facts. */
export type OrderState = Readonly<{
  status: OrderStatus;
  customerId: string;
  email: string;
  address: Address;
  channel: string;
  lines: readonly OrderLine[];
  total: Money;
  payment: OrderPayment;
  stock: OrderStock;
  /** Was it ever submitted? Then stock may be held for it, even when no answer says so. */
  wasSubmitted: boolean;
  cancelReason?: string | undefined;
  deliveredAt?: string | undefined;
}>;

/** An order before its first fact. */
export const noOrder: OrderState = {
  status: 'none',
  customerId: '',
  email: '',
  address: { lines: [] },
  channel: '',
  lines: [],
  total: moneyOf('', 0n),
  payment: { status: 'none' },
  stock: { status: 'none' },
  wasSubmitted: false,
};

/** An order after one more fact. */
export function evolveOrder(state: OrderState, event: OrderEvent): OrderState {
  switch (event.type) {
    case 'OrderPlaced': {
      const { currency, ...data } = event.data;
      return { ...state, ...data, status: 'draft', total: totalOf(currency, data.lines) };
    }
    case 'CartChanged':
      return { ...state, lines: event.data.lines, total: event.data.total };
    case 'DeliveryAddressChanged':
      return { ...state, address: event.data.address };
    case 'OrderSubmitted':
      return { ...state, status: 'submitted', wasSubmitted: true };
    case 'OrderCompleted':
      return { ...state, status: 'completed', deliveredAt: event.data.deliveredAt };
    case 'CancellationRequested':
      return { ...state, status: 'cancelling', cancelReason: event.data.reason };
    case 'OrderCancelled':
      return { ...state, status: 'cancelled', cancelReason: event.data.reason };
    case 'StockReserved':
    case 'StockRejected':
    case 'StockConfirmed':
    case 'StockReleased':
      return { ...state, stock: evolveStock(state.stock, event) };
    case 'PaymentRequested':
    case 'PaymentAuthorized':
    case 'PaymentDeclined':
    case 'PaymentCaptured':
    case 'PaymentVoided':
    case 'PaymentRefunded':
      return { ...state, payment: evolvePayment(state.payment, event), status: statusAfter(state.status, event) };
  }
}

type StockEvent = Extract<OrderEvent, { type: `Stock${string}` }>;
type PaymentEvent = Extract<OrderEvent, { type: `Payment${string}` }>;

function evolveStock(stock: OrderStock, event: StockEvent): OrderStock {
  switch (event.type) {
    case 'StockReserved':
      return { status: 'reserved', reservationId: event.data.reservationId };
    case 'StockRejected':
      return { status: 'rejected', missing: event.data.missing };
    case 'StockConfirmed':
      return { ...stock, status: 'confirmed' };
    case 'StockReleased':
      return { ...stock, status: 'released' };
  }
}

function evolvePayment(payment: OrderPayment, event: PaymentEvent): OrderPayment {
  switch (event.type) {
    case 'PaymentRequested':
      return { status: 'requested', paymentId: event.data.paymentId, amount: event.data.amount };
    case 'PaymentAuthorized': {
      const { authorizationId, servedBy } = event.data;
      return { ...payment, status: 'authorized', authorizationId, servedBy };
    }
    case 'PaymentDeclined':
      return { ...payment, status: 'declined', declineCode: event.data.code, servedBy: event.data.servedBy };
    case 'PaymentCaptured':
      return { ...payment, status: 'captured' };
    case 'PaymentVoided':
      return { ...payment, status: 'voided' };
    case 'PaymentRefunded':
      return { ...payment, status: 'refunded' };
  }
}

function statusAfter(status: OrderStatus, event: PaymentEvent): OrderStatus {
  if (event.type === 'PaymentRequested' && status === 'draft') return 'awaiting_payment';
  if (status !== 'awaiting_payment') return status;
  if (event.type === 'PaymentAuthorized') return 'paid';
  return event.type === 'PaymentDeclined' ? 'draft' : status;
}
