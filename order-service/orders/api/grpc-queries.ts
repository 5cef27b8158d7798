import { once } from 'node:events';
import { status as grpcStatus, type handleServerStreamingCall, type ServerWritableStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { EventStore } from '../../eventstore/event-store.ts';
import { orderPrefix } from '../app/orders.ts';
import type { OrderQueries } from '../app/order-queries.ts';
import { contextOf, toServiceError, type Message, type UnaryHandler } from './grpc-calls.ts';
import { idOf } from './grpc-commands.ts';
import { decodeBody, readMinPosition, searchQuery } from './requests.ts';

/** What the queries read. */
export type GrpcQueryParts = Readonly<{ queries: OrderQueries; store: EventStore; logger: Logger }>;

type Watch = handleServerStreamingCall<Message, object>;

const getFields = z.object({
  minPosition: z.string().optional(),
  atVersion: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

/** The methods that read orders: by name, and the stream of one order's changes. */
export function queryHandlers(parts: GrpcQueryParts): Readonly<{
  unary: Record<string, UnaryHandler>;
  watch: (stopping: AbortSignal) => Watch;
}> {
  const { queries } = parts;
  return {
    unary: {
      GetOrder: async (message) => {
        const { minPosition, atVersion } = decodeBody(getFields, message);
        if (atVersion !== undefined) return (await queries.getAt(idOf(message), BigInt(atVersion))).order;
        return (await queries.get(idOf(message), { minPosition: readMinPosition(minPosition) })).order;
      },
      SearchOrders: async (message) => {
        // 0 is what a message has that names no page or size.
        const given = { q: message['q'], page: message['page'] || undefined, size: message['size'] || undefined };
        const { q, page, size } = decodeBody(searchQuery, given);
        const { minPosition } = decodeBody(getFields, message);
        const found = await queries.search({ text: q, page, size }, { minPosition: readMinPosition(minPosition) });
        const { total, orders } = found.page;
        const counts = { totalCount: total, totalPages: Math.ceil(total / size), hasMore: page * size < total };
        return { ...counts, page, size, orders };
      },
    },
    watch: (stopping) => (call) => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const signal = AbortSignal.any([stopping, cancelled.signal]);
      watchOrder(parts, call, signal).then(
        (isEnded) => {
          if (isEnded) call.end();
          else
            call.destroy(Object.assign(new Error('stopping'), { code: grpcStatus.UNAVAILABLE, details: 'stopping' }));
        },
        (error: unknown) => call.destroy(toServiceError(error, contextOf(call.metadata), parts.logger)),
      );
    },
  };
}

/** Sends the order now and after each change. True when it came to its end, false when the watch was broken off. */
async function watchOrder(
  { queries, store }: GrpcQueryParts,
  call: ServerWritableStream<Message, object>,
  signal: AbortSignal,
): Promise<boolean> {
  const id = idOf(call.request);
  let after = await store.head();
  let sent = -1;
  const send = async () => {
    const { order } = await queries.get(id, { isStrong: true });
    if (order.version > sent && !call.write(order)) await once(call, 'drain', { signal });
    sent = order.version;
    return order.status === 'completed' || order.status === 'cancelled';
  };
  if (await send()) return true;
  for await (const item of store.subscribe({ after, prefixes: [`${orderPrefix}${id}`], signal })) {
    after = item.position;
    if (item.kind === 'events' && (await send())) return true;
  }
  return false;
}
