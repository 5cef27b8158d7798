import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { HttpApp } from './http-app.ts';

/** One thing that must hold before the service may be given traffic: undefined when it does, otherwise what is wrong. */
export type ReadinessCheck = () => Promise<string | undefined>;

/** Adds /live (the event loop turns, and nothing more: a store outage must not restart it), /ready and /metrics. */
export function addOperations(
  app: HttpApp,
  registry: Registry,
  checks: Readonly<Record<string, ReadinessCheck>>,
): void {
  const liveShape = z.object({ status: z.literal('live') });
  const schema = { tags: ['operations'], response: { 200: liveShape } };
  app.get('/live', { schema }, () => ({ status: 'live' as const }));

  const readyShape = z.object({ status: z.enum(['ready', 'not_ready']), waitingFor: z.record(z.string(), z.string()) });
  const readySchema = { tags: ['operations'], response: { 200: readyShape, 503: readyShape } };
  app.get('/ready', { schema: readySchema }, async (_request, reply) => {
    const waitingFor = await runChecks(checks);
    const isReady = Object.keys(waitingFor).length === 0;
    return reply.status(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', waitingFor });
  });

  app.get('/metrics', { schema: { tags: ['operations'] } }, async (_request, reply) => {
    return reply
      .header('content-type', registry.contentType)
      .serializer((text: unknown) => String(text))
      .send(await registry.metrics());
  });
}

async function runChecks(checks: Readonly<Record<string, ReadinessCheck>>): Promise<Record<string, string>> {
  const waitingFor: Record<string, string> = {};
  for (const [name, check] of Object.entries(checks)) {
    try {
      const reason = await check();
      if (reason !== undefined) waitingFor[name] = reason;
    } catch (error) {
      waitingFor[name] = error instanceof Error ? error.message : String(error);
    }
  }
  return waitingFor;
}
