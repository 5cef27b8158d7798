import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { requireKey } from '../../service/commands.ts';
import type { HttpApp } from '../../service/http-app.ts';
import { problemShape } from '../../service/problem.ts';
import type { LaterCommand, Orders, Receipt, RequestRef } from '../app/orders.ts';
import type { PayOrder } from '../app/pay.ts';
import { addressBody, cancelBody, cartBody, completeBody, placeBody, readIfMatch } from './requests.ts';

/** The path below which orders are. */
export const basePath = '/api/v1/orders';

/** The id of an order in a path. */
export const orderParams = z.object({ id: z.uuid() });

/** What a write answers. */
export const receiptShape = z
  .object({
    id: z.string(),
    version: z.number().int(),
    position: z.string(),
    status: z.string(),
    payment: z
      .object({ status: z.string(), paymentId: z.string().optional(), authorizationId: z.string().optional() })
      .optional(),
  })
  .meta({ title: 'Receipt' });

/** What the commands act on. */
export type CommandParts = Readonly<{ orders: Orders; pay: PayOrder; isIfMatchRequired: boolean; now: () => Date }>;

const tags = ['orders'];
const failures = { '4xx': problemShape, '5xx': problemShape };
const response = { 200: receiptShape, ...failures };
const headers = z.object({
  'idempotency-key': z.string().optional().meta({ description: 'Required: the same for every try of this request' }),
  'if-match': z.string().optional().meta({ description: 'The ETag at which the order must be' }),
});

/** Adds the routes that change orders. */
export function addCommandRoutes(app: HttpApp, parts: CommandParts): void {
  const { orders, pay } = parts;
  const placeSchema = { tags, headers, body: placeBody, response: { 201: receiptShape, ...failures } };
  app.post(basePath, { schema: placeSchema }, async (request, reply) => {
    const receipt = await orders.place(request.body, keyed(request));
    return answer(reply.status(201).header('location', `${basePath}/${receipt.id}`), receipt);
  });
  addChangeRoutes(app, parts);

  const change = async (request: Routed, reply: FastifyReply, command: LaterCommand, payload: unknown) =>
    answer(reply, await orders.change(request.params.id, command, matched(request, parts, false), payload));

  const bare = { tags, headers, params: orderParams, response };
  app.post(`${basePath}/:id/pay`, { schema: bare }, async (request, reply) => {
    const receipt = await pay.pay(request.params.id, matched(request, parts, false));
    const { servedBy } = receipt.state.payment;
    return answer(servedBy === undefined ? reply : reply.header('x-payments-version', servedBy), receipt);
  });
  app.post(`${basePath}/:id/submit`, { schema: bare }, (request, reply) =>
    change(request, reply, { kind: 'submit' }, {}),
  );
  app.post(`${basePath}/:id/complete`, { schema: { ...bare, body: completeBody } }, (request, reply) => {
    const deliveredAt = request.body.deliveredAt ?? parts.now().toISOString();
    return change(request, reply, { kind: 'complete', deliveredAt }, request.body);
  });
  app.post(`${basePath}/:id/cancel`, { schema: { ...bare, body: cancelBody } }, (request, reply) => {
    const { reason } = request.body;
    return change(request, reply, { kind: 'cancel', reason, by: request.call.actor }, { reason });
  });
}

function addChangeRoutes(app: HttpApp, parts: CommandParts): void {
  const { orders } = parts;
  const schema = { tags, headers, params: orderParams, response };
  app.put(`${basePath}/:id/cart`, { schema: { ...schema, body: cartBody } }, async (request, reply) => {
    const { params, body } = request;
    const command = { kind: 'changeCart', ...body } as const;
    return answer(reply, await orders.change(params.id, command, matched(request, parts, true), body));
  });
  app.put(`${basePath}/:id/address`, { schema: { ...schema, body: addressBody } }, async (request, reply) => {
    const { params, body } = request;
    const command = { kind: 'changeAddress', ...body } as const;
    return answer(reply, await orders.change(params.id, command, matched(request, parts, true), body));
  });
}

type Routed = FastifyRequest & Readonly<{ params: z.output<typeof orderParams> }>;

function keyed(request: Pick<FastifyRequest, 'headers' | 'call'>): RequestRef {
  return { key: requireKey(request.headers['idempotency-key']), call: request.call };
}

function matched(
  request: Pick<FastifyRequest, 'headers' | 'call'>,
  parts: CommandParts,
  isReplacement: boolean,
): RequestRef {
  const expected = readIfMatch(request.headers['if-match'], isReplacement && parts.isIfMatchRequired);
  return { ...keyed(request), expected };
}

function answer(reply: FastifyReply, receipt: Receipt): FastifyReply {
  reply.header('etag', `"${receipt.version}"`);
  if (receipt.replayed) reply.header('idempotency-replayed', 'true');
  return reply.send(toReceiptJson(receipt));
}

/** A receipt as JSON. */
export function toReceiptJson({ id, version, position, state }: Receipt): z.output<typeof receiptShape> {
  const { status, paymentId, authorizationId } = state.payment;
  const payment = status === 'none' ? undefined : { status, paymentId, authorizationId };
  return { id, version: Number(version), position, status: state.status, payment };
}
