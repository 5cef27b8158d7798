import { accept, refuse, type Decider, type Decision } from '../../eventstore/decider.ts';
import { assembleCart, type LineRequest } from './cart.ts';
import type { OrderEvent } from './events.ts';
import { decideOutcome } from './outcome-decider.ts';
import type { CustomerCommand, OrderCommand, OrderRequest } from './order-command.ts';
import { evolveOrder, noOrder, type OrderState } from './order-state.ts';

/** The rules of an order: the invariants I1 to I9 of the service, without side effects. */
export const orderDecider: Decider<OrderState, OrderCommand, OrderEvent> = {
  initial: noOrder,
  decide: decideOrder,
  evolve: evolveOrder,
};

/** What a command leads to for an order in this state. */
export function decideOrder(state: OrderState, command: OrderCommand): Decision<OrderEvent> {
  if (command.kind === 'place') return place(state, command.order);
  if (state.status === 'none') return refuse('not_found', 'there is no such order');
  switch (command.kind) {
    case 'changeCart':
    case 'changeAddress':
    case 'requestPayment':
    case 'submit':
    case 'complete':
    case 'cancel':
      return decideCustomer(state, command);
    default:
      return decideOutcome(state, command);
  }
}

type LaterCommand = Exclude<CustomerCommand, { kind: 'place' }>;

function decideCustomer(state: OrderState, command: LaterCommand): Decision<OrderEvent> {
  switch (command.kind) {
    case 'changeCart':
      return changeCart(state, command.lines);
    case 'changeAddress':
      if (!['draft', 'awaiting_payment', 'paid'].includes(state.status)) {
        return refuseState(state, 'the address is fixed once the order is submitted');
      }
      return accept({ type: 'DeliveryAddressChanged', data: { address: command.address } });
    case 'requestPayment':
      if (state.status !== 'draft') return refuseState(state, 'only a draft can be paid');
      return accept({ type: 'PaymentRequested', data: { paymentId: command.paymentId, amount: state.total } });
    case 'submit':
      if (state.status !== 'paid') return refuseState(state, 'only a paid order can be submitted');
      return accept({ type: 'OrderSubmitted', data: {} });
    case 'complete':
      return complete(state, command.deliveredAt);
    case 'cancel':
      return cancel(state, command);
  }
}

function place(state: OrderState, order: OrderRequest): Decision<OrderEvent> {
  if (state.status !== 'none') return refuseState(state, 'the order was placed already');
  const cart = assembleCart(order.currency, order.lines);
  if (!cart.ok) return refuse('invalid', 'the cart is not valid', { problems: cart.problems });
  return accept({ type: 'OrderPlaced', data: { ...order, lines: [...cart.lines] } });
}

function changeCart(state: OrderState, lines: readonly LineRequest[]): Decision<OrderEvent> {
  if (state.status !== 'draft') return refuseState(state, 'the cart is fixed once a payment was requested');
  const cart = assembleCart(state.total.currency, lines);
  if (!cart.ok) return refuse('invalid', 'the cart is not valid', { problems: cart.problems });
  return accept({ type: 'CartChanged', data: { lines: [...cart.lines], total: cart.total } });
}

function complete(state: OrderState, deliveredAt: string): Decision<OrderEvent> {
  const isReady = state.payment.status === 'captured' && state.stock.status === 'confirmed';
  if (state.status !== 'submitted' || !isReady) {
    return refuseState(state, 'only a submitted order with captured payment and confirmed stock can be completed');
  }
  return accept({ type: 'OrderCompleted', data: { deliveredAt } });
}

function cancel(state: OrderState, command: Readonly<{ reason: string; by: string }>): Decision<OrderEvent> {
  const { reason, by } = command;
  switch (state.status) {
    case 'draft':
      return accept({ type: 'OrderCancelled', data: { reason } });
    case 'awaiting_payment':
    case 'paid':
    case 'submitted':
      return accept({ type: 'CancellationRequested', data: { reason, by } });
    case 'none':
    case 'cancelling':
    case 'completed':
    case 'cancelled':
      return refuseState(state, `a ${state.status} order cannot be cancelled`);
  }
}

function refuseState(state: OrderState, detail: string): Decision<never> {
  return refuse('order_state', detail, { orderStatus: state.status, paymentStatus: state.payment.status });
}
