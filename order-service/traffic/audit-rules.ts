/**
 * The rules of the audit, without I/O: the logs of the three services in, what is violated out.
 *
 * I13: what payments captured and refunded is what orders recorded, for each order; nothing is captured twice.
 * I14: stock never falls below zero at any point of the log, and free + reserved + sold is what was received.
 */
import { z } from 'zod';

/** A fact of a service's log. */
export type Fact = Readonly<{ stream: string; type: string; data: Readonly<Record<string, unknown>> }>;

/** The money of all orders, in minor units. */
export type Totals = Readonly<{ captured: bigint; refunded: bigint }>;

/** What a rule found. */
export type Finding<Facts> = Readonly<{ facts: Facts; violations: readonly string[] }>;

const amountShape = z.object({ amount: z.object({ minor: z.string().regex(/^\d+$/) }) });
const paymentShape = amountShape.extend({ orderId: z.string() });
const linesShape = z.array(z.object({ sku: z.string(), quantity: z.number() }));

type Ledger = Map<string, { captured: bigint; refunded: bigint; captures: number }>;

/** I13. */
export function auditMoney(
  orders: readonly Fact[],
  payments: readonly Fact[],
): Finding<{ orders: Totals; payments: Totals }> {
  const atOrders = ledgerOf(orders, ({ stream }) => stream.replace(/^order-/, ''));
  const atPayments = ledgerOf(payments, ({ data }) => paymentShape.parse(data).orderId);
  const violations: string[] = [];
  for (const id of new Set([...atOrders.keys(), ...atPayments.keys()])) {
    const [ours, theirs] = [atOrders.get(id) ?? none, atPayments.get(id) ?? none];
    if (theirs.captures > 1) violations.push(`order ${id}: captured ${theirs.captures} times`);
    if (ours.captured !== theirs.captured || ours.refunded !== theirs.refunded) {
      const tell = (side: typeof ours) => `captured ${side.captured}, refunded ${side.refunded}`;
      violations.push(`order ${id}: payments ${tell(theirs)}; orders ${tell(ours)}`);
    }
  }
  return { facts: { orders: totalsOf(atOrders), payments: totalsOf(atPayments) }, violations };
}

const none = { captured: 0n, refunded: 0n, captures: 0 };

function ledgerOf(facts: readonly Fact[], orderIdOf: (fact: Fact) => string): Ledger {
  const ledger: Ledger = new Map();
  for (const fact of facts) {
    if (fact.type !== 'PaymentCaptured' && fact.type !== 'PaymentRefunded') continue;
    const minor = BigInt(amountShape.parse(fact.data).amount.minor);
    const id = orderIdOf(fact);
    const entry = ledger.get(id) ?? { ...none };
    if (fact.type === 'PaymentCaptured') {
      entry.captured += minor;
      entry.captures += 1;
    } else entry.refunded += minor;
    ledger.set(id, entry);
  }
  return ledger;
}

function totalsOf(ledger: Ledger): Totals {
  const entries = [...ledger.values()];
  return {
    captured: entries.reduce((sum, entry) => sum + entry.captured, 0n),
    refunded: entries.reduce((sum, entry) => sum + entry.refunded, 0n),
  };
}

/** The stock of one sku. */
export type Stock = Readonly<{ free: number; reserved: number; sold: number; received: number }>;

/** I14. The stock is counted here anew, by other code than the service's. */
export function auditStock(facts: readonly Fact[]): Finding<ReadonlyMap<string, Stock>> {
  const stock = new Map<string, Stock>();
  const held = new Map<string, { lines: z.output<typeof linesShape>; isSold: boolean }>();
  const violations: string[] = [];
  const change = (sku: string, by: Partial<Stock>) => {
    const was = stock.get(sku) ?? { free: 0, reserved: 0, sold: 0, received: 0 };
    const now = {
      free: was.free + (by.free ?? 0),
      reserved: was.reserved + (by.reserved ?? 0),
      sold: was.sold + (by.sold ?? 0),
      received: was.received + (by.received ?? 0),
    };
    stock.set(sku, now);
    if (Math.min(now.free, now.reserved, now.sold) < 0)
      violations.push(`sku ${sku} below zero: ${JSON.stringify(now)}`);
    if (now.free + now.reserved + now.sold !== now.received)
      violations.push(`sku ${sku}: ${JSON.stringify(now)} is not its sum`);
  };
  for (const { type, data } of facts) {
    const id = String(data['reservationId']);
    const entry = held.get(id);
    if (type === 'StockReceived') {
      const quantity = Number(data['quantity']);
      change(String(data['sku']), { free: quantity, received: quantity });
    } else if (type === 'StockReserved') {
      const lines = linesShape.parse(data['lines']);
      if (entry !== undefined) violations.push(`reservation ${id} made twice`);
      held.set(id, { lines, isSold: false });
      for (const { sku, quantity: n } of lines) change(sku, { free: -n, reserved: n });
    } else if (type === 'ReservationConfirmed' && entry !== undefined) {
      held.set(id, { ...entry, isSold: true });
      for (const { sku, quantity: n } of entry.lines) change(sku, { reserved: -n, sold: n });
    } else if (type === 'ReservationReleased' && entry !== undefined) {
      held.delete(id);
      for (const { sku, quantity: n } of entry.lines)
        change(sku, entry.isSold ? { sold: -n, free: n } : { reserved: -n, free: n });
    }
  }
  return { facts: stock, violations };
}
