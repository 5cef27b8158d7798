import { z } from 'zod';
import type { EventStore } from '../../eventstore/event-store.ts';
import type { ProjectionRunner } from '../../eventstore/projection.ts';
import type { HttpApp } from '../../service/http-app.ts';
import { ProblemError, problemShape } from '../../service/problem.ts';
import type { Orders } from '../app/orders.ts';
import { auditShape, type ViewAudit } from '../app/view-audit.ts';
import type { WorkList } from '../saga/work-list.ts';
import { basePath, orderParams } from './command-routes.ts';

/** What the admin routes show and steer. */
export type AdminParts = Readonly<{
  store: EventStore;
  orders: Orders;
  projections: readonly Pick<ProjectionRunner<unknown>, 'name' | 'status' | 'rebuild' | 'pause' | 'start'>[];
  work: WorkList;
  audit: ViewAudit;
}>;

const tags = ['admin'];
const projectionsPath = '/admin/projections';
const failures = { '4xx': problemShape, '5xx': problemShape };

const statusShape = z.object({
  name: z.string(),
  position: z.string(),
  isCaughtUp: z.boolean(),
  lagMs: z.number(),
  isPaused: z.boolean(),
  parked: z.array(z.object({ stream: z.string(), reason: z.string() })),
});

const historyShape = z.object({
  events: z.array(
    z.object({
      version: z.number().int(),
      position: z.string(),
      type: z.string(),
      schema: z.number().int(),
      data: z.record(z.string(), z.unknown()),
      occurredAt: z.string(),
      actor: z.string().optional(),
      traceparent: z.string().optional(),
    }),
  ),
});

const workShape = z.object({
  open: z.number().int(),
  failing: z.array(z.object({ orderId: z.string(), attempts: z.number().int(), lastError: z.string().optional() })),
});

/** Adds the routes for those who operate the service. */
export function addAdminRoutes(app: HttpApp, parts: AdminParts): void {
  const { store, orders, projections, work, audit } = parts;
  const listShape = z.object({ head: z.string(), projections: z.array(statusShape) });
  app.get(projectionsPath, { schema: { tags, response: { 200: listShape } } }, async () => {
    const statuses = await Promise.all(projections.map((projection) => projection.status()));
    return { head: await store.head(), projections: statuses.map((s) => ({ ...s, parked: [...s.parked] })) };
  });

  const params = z.object({ name: z.string(), verb: z.enum(['rebuild', 'pause', 'resume']) });
  const steerSchema = { tags, params, response: { 200: statusShape, ...failures } };
  app.post(`${projectionsPath}/:name/:verb`, { schema: steerSchema }, async (request) => {
    const { name, verb } = request.params;
    const projection = projections.find((candidate) => candidate.name === name);
    if (projection === undefined) throw new ProblemError('not_found', `there is no projection ${name}`);
    if (verb === 'rebuild') await projection.rebuild();
    else if (verb === 'pause') await projection.pause();
    else if ((await projection.status()).isPaused) projection.start();
    const status = await projection.status();
    return { ...status, parked: [...status.parked] };
  });

  app.get('/admin/saga', { schema: { tags, response: { 200: workShape } } }, async () => {
    const { open, failing } = await work.report();
    return { open, failing: [...failing] };
  });
  app.get('/admin/audit', { schema: { tags, response: { 200: auditShape } } }, () => audit.run());

  const historySchema = { tags, params: orderParams, response: { 200: historyShape, ...failures } };
  app.get(`${basePath}/:id/events`, { schema: historySchema }, async (request) => {
    const events = await orders.history(request.params.id);
    if (events.length === 0) throw new ProblemError('not_found', 'there is no such order');
    return {
      events: events.map(({ version, position, type, schema, data, meta }) => ({
        version: Number(version),
        position,
        type,
        schema,
        data: { ...(data as Record<string, unknown>) },
        occurredAt: meta.occurredAt,
        actor: meta.actor,
        traceparent: meta.traceparent,
      })),
    };
  });
}
