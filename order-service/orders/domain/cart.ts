import type { OrderLine } from './events.ts';
import { isSameMoney, maxTotalMinor, moneyOf, type Money } from '../../service/money.ts';

/** A line as the customer asks for it. */
export type LineRequest = Readonly<Omit<OrderLine, 'lineId'>>;

/** Something wrong with one line, by its place in the request. */
export type CartProblem = Readonly<{ path: string; message: string }>;

/** The lines of an order and their total, or everything that is wrong with them. */
export type Cart =
  | Readonly<{ ok: true; lines: readonly OrderLine[]; total: Money }>
  | Readonly<{ ok: false; problems: readonly CartProblem[] }>;

const maxLines = 100;
const maxQuantity = 1000;

/** Checks and numbers the lines. Lines of one sku at one price become one line. */
export function assembleCart(currency: string, requests: readonly LineRequest[]): Cart {
  const bySku = new Map<string, OrderLine>();
  const problems: CartProblem[] = [];
  for (const [index, request] of requests.entries()) {
    const path = `lines[${index}]`;
    const held = bySku.get(request.sku);
    if (request.unitPrice.currency !== currency) {
      problems.push({ path: `${path}.unitPrice.currency`, message: `must be ${currency}, the currency of the order` });
    }
    if (request.unitPrice.minor < 0n)
      problems.push({ path: `${path}.unitPrice.minor`, message: 'must not be negative' });
    if (held !== undefined && !isSameMoney(held.unitPrice, request.unitPrice)) {
      problems.push({ path: `${path}.unitPrice`, message: `differs from another line of sku ${request.sku}` });
    }
    const quantity = (held?.quantity ?? 0) + request.quantity;
    if (!Number.isInteger(request.quantity) || request.quantity < 1 || quantity > maxQuantity) {
      problems.push({ path: `${path}.quantity`, message: `must be from 1 to ${maxQuantity} for each sku` });
    }
    bySku.set(request.sku, { ...request, lineId: held?.lineId ?? `L${bySku.size + 1}`, quantity });
  }
  const lines = [...bySku.values()];
  const total = totalOf(currency, lines);
  if (lines.length === 0 || lines.length > maxLines) {
    problems.push({ path: 'lines', message: `must have from 1 to ${maxLines} lines` });
  } else if (total.minor < 1n || total.minor > maxTotalMinor) {
    problems.push({ path: 'lines', message: `must add up to at least 1 and at most ${maxTotalMinor} minor units` });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, lines, total };
}

/** The sum of quantity times price. */
export function totalOf(currency: string, lines: readonly OrderLine[]): Money {
  const minor = lines.reduce((sum, line) => sum + BigInt(line.quantity) * line.unitPrice.minor, 0n);
  return moneyOf(currency, minor);
}
