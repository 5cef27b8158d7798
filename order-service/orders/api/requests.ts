import { z } from 'zod';
import type { ExpectedVersion } from '../../eventstore/event-store.ts';
import { currencyShape, money } from '../../service/money.ts';
import { ProblemError } from '../../service/problem.ts';
import { addressShape } from '../domain/events.ts';

const requestText = (max: number) => z.string().trim().min(1).max(max);

/** A line as a customer sends it. */
export const lineBody = z.object({
  sku: requestText(64),
  title: requestText(200),
  description: z.string().max(2000).optional(),
  quantity: z.number().int().min(1).max(1000),
  unitPrice: money,
});

const linesBody = z.array(lineBody).min(1).max(100);

/** What a customer sends to place an order. */
export const placeBody = z.object({
  customerId: requestText(100),
  email: z.email().max(254),
  address: addressShape,
  channel: requestText(40).default('web'),
  currency: currencyShape,
  lines: linesBody,
});

/** What a customer sends to change the cart. */
export const cartBody = z.object({ lines: linesBody });

/** What a customer sends to change the address. */
export const addressBody = z.object({ address: addressShape });

/** What is sent to complete an order. Without a time it is now. */
export const completeBody = z.object({ deliveredAt: z.iso.datetime().optional() }).default({});

/** What a customer sends to cancel an order. */
export const cancelBody = z.object({ reason: requestText(500) });

/** A search. */
export const searchQuery = z.object({
  q: requestText(200),
  page: z.coerce.number().int().min(1).max(10_000).default(1),
  size: z.coerce.number().int().min(1).max(100).default(20),
});

/** The decoded body of a request that did not come through HTTP: what is wrong with it is the same problem. */
export function decodeBody<Shape extends z.ZodType>(shape: Shape, body: unknown): z.output<Shape> {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: `body.${path.join('.')}`, message }));
  throw new ProblemError('invalid_request', 'the request is not as described', { extra: { problems } });
}

/** The version that If-Match names. */
export function readIfMatch(header: string | undefined, isRequired: boolean): ExpectedVersion | undefined {
  if (header === undefined) {
    if (isRequired) throw new ProblemError('version_required', 'send If-Match with the ETag that you have seen');
    return undefined;
  }
  if (header.trim() === '*') return 'exists';
  const version = /^(?:W\/)?"(\d{1,18})"$/.exec(header.trim())?.[1];
  if (version === undefined) throw new ProblemError('invalid_request', 'If-Match is an ETag of an order, such as "3"');
  return BigInt(version);
}

const positionShape = /^\d{1,18}$/;

/** The position that X-Min-Position names. */
export function readMinPosition(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && positionShape.test(header)) return header;
  throw new ProblemError('invalid_request', 'X-Min-Position is the position that a write returned');
}
