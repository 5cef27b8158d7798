import type { LineRequest } from './cart.ts';
import type { Address, MissingStock } from './events.ts';
import type { Money } from '../../service/money.ts';

/** What a customer places. */
export type OrderRequest = Readonly<{
  customerId: string;
  email: string;
  address: Address;
  channel: string;
  currency: string;
  lines: readonly LineRequest[];
}>;

/** What customers ask for. */
export type CustomerCommand =
  | Readonly<{ kind: 'place'; order: OrderRequest }>
  | Readonly<{ kind: 'changeCart'; lines: readonly LineRequest[] }>
  | Readonly<{ kind: 'changeAddress'; address: Address }>
  | Readonly<{ kind: 'requestPayment'; paymentId: string }>
  | Readonly<{ kind: 'submit' }>
  | Readonly<{ kind: 'complete'; deliveredAt: string }>
  | Readonly<{ kind: 'cancel'; reason: string; by: string }>;

/** What payments and inventory answered, to be recorded. */
export type OutcomeCommand =
  | Readonly<{
      kind: 'recordAuthorized';
      paymentId: string;
      authorizationId: string;
      amount: Money;
      servedBy?: string | undefined;
    }>
  | Readonly<{ kind: 'recordDeclined'; paymentId: string; code: string; servedBy?: string | undefined }>
  | Readonly<{ kind: 'recordCaptured'; paymentId: string }>
  | Readonly<{ kind: 'recordVoided'; paymentId: string }>
  | Readonly<{ kind: 'recordRefunded'; paymentId: string; refundId: string }>
  | Readonly<{ kind: 'recordReserved'; reservationId: string }>
  | Readonly<{ kind: 'recordRejected'; missing: readonly MissingStock[] }>
  | Readonly<{ kind: 'recordConfirmed' }>
  | Readonly<{ kind: 'recordReleased' }>
  | Readonly<{ kind: 'finishCancellation' }>;

/** A command for one order. */
export type OrderCommand = CustomerCommand | OutcomeCommand;
