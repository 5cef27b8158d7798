import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { HttpApp } from '../service/http-app.ts';
import { ProblemError } from '../service/problem.ts';

/** The faults that the service makes itself, so that what is around it can be tried. */
export const chaosShape = z.object({
  /** The share of requests refused with 503 before any work. */
  failRate: z.number().min(0).max(1),
  /** The share of requests whose connection is reset after the work was committed. */
  dropAfterCommit: z.number().min(0).max(1),
  /** How long every answer is held back. */
  latencyMs: z.number().int().min(0).max(60_000),
});

/** The faults in force. */
export type Chaos = z.output<typeof chaosShape>;

/** Puts the faults on all routes below /payments, and adds /admin/chaos to read and change them. */
export function addChaos(app: HttpApp, initial: Chaos, random: () => number): void {
  let chaos = initial;
  const isTarget = (url: string) => url.startsWith('/payments');

  app.addHook('preHandler', async (request) => {
    if (!isTarget(request.url)) return;
    if (chaos.latencyMs > 0) await delay(chaos.latencyMs);
    if (random() < chaos.failRate) {
      throw new ProblemError('upstream_unavailable', 'the processor is not available', {
        headers: { 'retry-after': '0', 'x-chaos': 'fail' },
      });
    }
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const isDone = request.method === 'POST' && reply.statusCode < 300;
    if (isTarget(request.url) && isDone && random() < chaos.dropAfterCommit) request.raw.socket.destroy();
    return payload;
  });

  const tags = ['admin'];
  app.get('/admin/chaos', { schema: { tags, response: { 200: chaosShape } } }, () => chaos);
  const schema = { tags, body: chaosShape.partial(), response: { 200: chaosShape } };
  app.put('/admin/chaos', { schema }, (request) => {
    const { failRate, dropAfterCommit, latencyMs } = request.body;
    chaos = {
      failRate: failRate ?? chaos.failRate,
      dropAfterCommit: dropAfterCommit ?? chaos.dropAfterCommit,
      latencyMs: latencyMs ?? chaos.latencyMs,
    };
    return chaos;
  });
}
