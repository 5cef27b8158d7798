import { z } from 'zod';
import { defineEvents, type EventOf } from '../eventstore/codec.ts';
import { accept, refuse, type Decider, type Decision } from '../eventstore/decider.ts';
import { money, moneyOf, type Money } from '../service/money.ts';

const text = z.string();
const asked = { orderId: text, amount: money, processor: text };

const definitions = {
  PaymentAuthorized: { schema: 1, data: z.object({ ...asked, authorizationId: text }) },
  PaymentDeclined: { schema: 1, data: z.object({ ...asked, code: text }) },
  PaymentCaptured: { schema: 1, data: z.object({ orderId: text, amount: money }) },
  PaymentVoided: { schema: 1, data: z.object({}) },
  PaymentRefunded: { schema: 1, data: z.object({ orderId: text, refundId: text, amount: money }) },
} as const;

/** A fact of a payment. */
export type PaymentEvent = EventOf<typeof definitions>;

/** Between the facts of a payment and the log. */
export const paymentCodec = defineEvents(definitions);

/** A payment, folded from its facts. */
export type PaymentState = Readonly<{
  status: 'none' | 'authorized' | 'declined' | 'captured' | 'voided' | 'refunded';
  orderId: string;
  amount: Money;
  processor: string;
  authorizationId?: string | undefined;
  declineCode?: string | undefined;
  refundId?: string | undefined;
}>;

/** A command for one payment. */
export type PaymentCommand =
  | Readonly<{
      kind: 'authorize';
      orderId: string;
      amount: Money;
      authorizationId: string;
      processor: string;
      limitMinor: bigint;
    }>
  | Readonly<{ kind: 'capture' }>
  | Readonly<{ kind: 'void' }>
  | Readonly<{ kind: 'refund'; refundId: string }>;

/** The rules of a payment: authorized once, then captured or voided once, then refunded at most once, in full. */
export const paymentDecider: Decider<PaymentState, PaymentCommand, PaymentEvent> = {
  initial: { status: 'none', orderId: '', amount: moneyOf('', 0n), processor: '' },
  decide: decidePayment,
  evolve: evolvePayment,
};

function decidePayment(state: PaymentState, command: PaymentCommand): Decision<PaymentEvent> {
  switch (command.kind) {
    case 'authorize':
      return authorize(state, command);
    case 'capture':
      if (state.status === 'none') return unknown();
      if (state.status !== 'authorized') return wrongState(state, 'captured');
      return accept({ type: 'PaymentCaptured', data: { orderId: state.orderId, amount: state.amount } });
    case 'void':
      // Voiding a payment that nobody asked for yet makes sure that a late request for it is refused.
      if (state.status === 'voided') return accept();
      if (state.status !== 'authorized' && state.status !== 'none') return wrongState(state, 'voided');
      return accept({ type: 'PaymentVoided', data: {} });
    case 'refund': {
      if (state.status === 'none') return unknown();
      if (state.status !== 'captured') return wrongState(state, 'refunded');
      const { orderId, amount } = state;
      return accept({ type: 'PaymentRefunded', data: { orderId, refundId: command.refundId, amount } });
    }
  }
}

function authorize(
  state: PaymentState,
  command: Extract<PaymentCommand, { kind: 'authorize' }>,
): Decision<PaymentEvent> {
  if (state.status !== 'none') return wrongState(state, 'authorized');
  const { orderId, amount, processor, authorizationId, limitMinor } = command;
  if (amount.minor > limitMinor) {
    return accept({ type: 'PaymentDeclined', data: { orderId, amount, processor, code: 'limit_exceeded' } });
  }
  return accept({ type: 'PaymentAuthorized', data: { orderId, amount, processor, authorizationId } });
}

function evolvePayment(state: PaymentState, event: PaymentEvent): PaymentState {
  switch (event.type) {
    case 'PaymentAuthorized':
      return { ...state, ...event.data, status: 'authorized' };
    case 'PaymentDeclined': {
      const { code, ...data } = event.data;
      return { ...state, ...data, status: 'declined', declineCode: code };
    }
    case 'PaymentCaptured':
      return { ...state, status: 'captured' };
    case 'PaymentVoided':
      return { ...state, status: 'voided' };
    case 'PaymentRefunded':
      return { ...state, status: 'refunded', refundId: event.data.refundId };
  }
}

function unknown(): Decision<never> {
  return refuse('not_found', 'there is no such payment');
}

function wrongState(state: PaymentState, wanted: string): Decision<never> {
  return refuse('payment_state', `a payment that is ${state.status} cannot be ${wanted}`, {
    paymentStatus: state.status,
  });
}
