import { z } from 'zod';
import { moneyJson, toMoneyJson } from '../../service/money.ts';
import { addressShape } from '../domain/events.ts';
import type { OrderState } from '../domain/order-state.ts';

const count = z.number().int();

/** An order as readers get it, by REST, from a view or folded from the log: always the same document. */
export const orderDocumentShape = z
  .object({
    id: z.string(),
    version: count.meta({ description: 'the version of its stream; the ETag' }),
    status: z.enum(['draft', 'awaiting_payment', 'paid', 'submitted', 'cancelling', 'completed', 'cancelled']),
    customerId: z.string(),
    email: z.string(),
    address: addressShape,
    channel: z.string(),
    currency: z.string(),
    lines: z.array(
      z.object({
        lineId: z.string(),
        sku: z.string(),
        title: z.string(),
        description: z.string().optional(),
        quantity: count,
        unitPrice: moneyJson,
      }),
    ),
    total: moneyJson,
    payment: z.object({
      status: z.enum(['none', 'requested', 'authorized', 'captured', 'declined', 'voided', 'refunded']),
      paymentId: z.string().optional(),
      amount: moneyJson.optional(),
      authorizationId: z.string().optional(),
      declineCode: z.string().optional(),
      servedBy: z.string().optional(),
    }),
    stock: z.object({
      status: z.enum(['none', 'reserved', 'rejected', 'confirmed', 'released']),
      reservationId: z.string().optional(),
      missing: z.array(z.object({ sku: z.string(), wanted: count, free: count })).optional(),
    }),
    cancelReason: z.string().optional(),
    deliveredAt: z.string().optional(),
  })
  .meta({ title: 'Order' });

/** An order as readers get it. */
export type OrderDocument = z.output<typeof orderDocumentShape>;

/** The document of an order at a version; undefined when there is no such order. */
export function toOrderDocument(id: string, state: OrderState, version: bigint | undefined): OrderDocument | undefined {
  if (version === undefined || state.status === 'none') return undefined;
  const { status, customerId, email, address, channel, lines, total, payment, stock } = state;
  const { cancelReason, deliveredAt } = state;
  const { amount } = payment;
  return {
    id,
    version: Number(version),
    status,
    customerId,
    email,
    address,
    channel,
    currency: total.currency,
    lines: lines.map((line) => ({ ...line, unitPrice: toMoneyJson(line.unitPrice) })),
    total: toMoneyJson(total),
    payment: { ...payment, amount: amount === undefined ? undefined : toMoneyJson(amount) },
    stock: { ...stock, missing: stock.missing === undefined ? undefined : [...stock.missing] },
    cancelReason,
    deliveredAt,
  };
}
