import { z } from 'zod';
import { defineEvents, type EventOf } from '../../eventstore/codec.ts';
import { money } from '../../service/money.ts';

const text = z.string();

/** Where an order goes. */
export const addressShape = z.object({
  lines: z.array(z.string().min(1).max(200)).min(1).max(5),
  city: z.string().max(100).optional(),
  postalCode: z.string().max(20).optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
});

/** A line of an order, as the log keeps it. */
export const lineShape = z.object({
  lineId: text,
  sku: text,
  title: text,
  description: text.optional(),
  quantity: z.number().int(),
  unitPrice: money,
});

const missingShape = z.object({ sku: text, wanted: z.number().int(), free: z.number().int() });

/**
 * The facts of an order. `OrderPlaced` is at its second schema: the first had the address as one text, and no channel.
 * Add a schema by raising its number and writing the step from the one before; never change what an old number means.
 */
const definitions = {
  OrderPlaced: {
    schema: 2,
    data: z.object({
      customerId: text,
      email: text,
      address: addressShape,
      channel: text,
      currency: text,
      lines: z.array(lineShape),
    }),
    upcast: {
      1: (data: Record<string, unknown>) => ({ ...data, address: { lines: [data['address']] }, channel: 'unknown' }),
    },
  },
  CartChanged: { schema: 1, data: z.object({ lines: z.array(lineShape), total: money }) },
  DeliveryAddressChanged: { schema: 1, data: z.object({ address: addressShape }) },
  PaymentRequested: { schema: 1, data: z.object({ paymentId: text, amount: money }) },
  PaymentAuthorized: {
    schema: 1,
    data: z.object({ paymentId: text, authorizationId: text, amount: money, servedBy: text.optional() }),
  },
  PaymentDeclined: { schema: 1, data: z.object({ paymentId: text, code: text, servedBy: text.optional() }) },
  OrderSubmitted: { schema: 1, data: z.object({}) },
  StockReserved: { schema: 1, data: z.object({ reservationId: text }) },
  StockRejected: { schema: 1, data: z.object({ missing: z.array(missingShape) }) },
  PaymentCaptured: { schema: 1, data: z.object({ paymentId: text, amount: money }) },
  StockConfirmed: { schema: 1, data: z.object({ reservationId: text }) },
  OrderCompleted: { schema: 1, data: z.object({ deliveredAt: text }) },
  CancellationRequested: { schema: 1, data: z.object({ reason: text, by: text }) },
  StockReleased: { schema: 1, data: z.object({ reservationId: text }) },
  PaymentVoided: { schema: 1, data: z.object({ paymentId: text }) },
  PaymentRefunded: { schema: 1, data: z.object({ paymentId: text, refundId: text, amount: money }) },
  OrderCancelled: { schema: 1, data: z.object({ reason: text }) },
} as const;

/** A fact of an order. */
export type OrderEvent = EventOf<typeof definitions>;

/** The address of an order. */
export type Address = z.output<typeof addressShape>;

/** One line of an order. */
export type OrderLine = z.output<typeof lineShape>;

/** Stock that was asked for and is not there. */
export type MissingStock = z.output<typeof missingShape>;

/** Between the facts of an order and the log. */
export const orderCodec = defineEvents(definitions);
