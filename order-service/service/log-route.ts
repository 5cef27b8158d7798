import { z } from 'zod';
import type { EventStore } from '../eventstore/event-store.ts';
import type { HttpApp } from './http-app.ts';

/** A page of a service's log, as the audit reads it. */
export const logPageShape = z.object({
  events: z.array(
    z.object({
      position: z.string(),
      stream: z.string(),
      version: z.number().int(),
      type: z.string(),
      schema: z.number().int(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
  next: z.string(),
  atEnd: z.boolean(),
});

const logPath = '/admin/log';

const query = z.object({
  after: z
    .string()
    .regex(/^\d{1,19}$/)
    .default('0'),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
});

/** What names a person stays in the store. */
const personal = new Set(['email', 'address', 'customerId']);

/** Adds /admin/log: the facts of the service, page by page, without personal data. */
export function addLogRoute(app: HttpApp, store: EventStore): void {
  const schema = { tags: ['admin'], querystring: query, response: { 200: logPageShape } };
  app.get(logPath, { schema }, ({ query }) => readPage(store, query));
}

async function readPage(
  store: EventStore,
  { after, limit }: z.output<typeof query>,
): Promise<z.output<typeof logPageShape>> {
  const page = await store.readAll({ after, limit });
  const events = page.events.map(({ position, stream, version, type, schema, data }) => ({
    position,
    stream,
    version: Number(version),
    type,
    schema,
    data: withoutPersonal(data),
  }));
  return { events, next: page.scannedTo, atEnd: page.events.length < limit };
}

function withoutPersonal(data: unknown): Record<string, unknown> {
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(Object.entries(data).filter(([key]) => !personal.has(key)));
}
