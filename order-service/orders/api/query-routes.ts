import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { HttpApp } from '../../service/http-app.ts';
import { problemShape } from '../../service/problem.ts';
import type { OrderQueries, OrderRead } from '../app/order-queries.ts';
import { orderDocumentShape } from '../readmodel/order-document.ts';
import { basePath, orderParams } from './command-routes.ts';
import { readMinPosition, searchQuery } from './requests.ts';

const tags = ['orders'];
const failures = { '4xx': problemShape, '5xx': problemShape };
const headers = z.object({
  'x-min-position': z.string().optional().meta({ description: 'The position of a write that must be seen' }),
});

const getQuery = z.object({
  at: z.coerce
    .bigint()
    .min(0n)
    .max(2n ** 53n)
    .optional()
    .meta({ type: 'integer', description: 'The version to go back to' }),
  consistency: z.enum(['strong', 'eventual']).default('eventual'),
});

const listQuery = z.object({
  customer: z.string().max(100).optional(),
  status: orderDocumentShape.shape.status.optional(),
  cursor: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const listShape = z.object({ orders: z.array(orderDocumentShape), next: z.string().optional() });

const searchShape = z.object({
  pagination: z.object({
    totalCount: z.number().int(),
    totalPages: z.number().int(),
    page: z.number().int(),
    size: z.number().int(),
    hasMore: z.boolean(),
  }),
  orders: z.array(orderDocumentShape),
});

/** Adds the routes that read orders. */
export function addQueryRoutes(app: HttpApp, queries: OrderQueries): void {
  const getSchema = {
    tags,
    headers,
    params: orderParams,
    querystring: getQuery,
    response: { 200: orderDocumentShape, ...failures },
  };
  app.get(`${basePath}/:id`, { schema: getSchema }, async (request, reply) => {
    const { params, query } = request;
    if (query.at !== undefined) return sendOrder(reply, await queries.getAt(params.id, query.at));
    const minPosition = readMinPosition(request.headers['x-min-position']);
    return sendOrder(reply, await queries.get(params.id, { minPosition, isStrong: query.consistency === 'strong' }));
  });

  const listSchema = { tags, headers, querystring: listQuery, response: { 200: listShape, ...failures } };
  app.get(basePath, { schema: listSchema }, async (request, reply) => {
    const { customer, ...query } = request.query;
    const freshness = { minPosition: readMinPosition(request.headers['x-min-position']) };
    const { page, lagMs } = await queries.list({ ...query, customerId: customer }, freshness);
    return reply.header('x-projection-lag-ms', Math.round(lagMs)).send({ ...page, orders: [...page.orders] });
  });

  const searchSchema = { tags, headers, querystring: searchQuery, response: { 200: searchShape, ...failures } };
  app.get(`${basePath}/search`, { schema: searchSchema }, async (request, reply) => {
    const { q, page, size } = request.query;
    const freshness = { minPosition: readMinPosition(request.headers['x-min-position']) };
    const found = await queries.search({ text: q, page, size }, freshness);
    const { total, orders } = found.page;
    const pagination = {
      totalCount: total,
      totalPages: Math.ceil(total / size),
      page,
      size,
      hasMore: page * size < total,
    };
    return reply.header('x-projection-lag-ms', Math.round(found.lagMs)).send({ pagination, orders: [...orders] });
  });
}

function sendOrder(reply: FastifyReply, { order, source }: OrderRead): FastifyReply {
  return reply.header('etag', `"${order.version}"`).header('x-read-source', source).send(order);
}
