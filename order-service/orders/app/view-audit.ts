import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { EventStore } from '../../eventstore/event-store.ts';
import type { ProjectionRunner } from '../../eventstore/projection.ts';
import { ProblemError } from '../../service/problem.ts';
import { toOrderDocument } from '../readmodel/order-document.ts';
import type { OrderViews } from '../readmodel/order-views.ts';
import { orderIdOf, orderPrefix, type Orders } from './orders.ts';

/** How the view compares with the log. */
export const auditShape = z.object({
  orders: z.number().int(),
  position: z.string(),
  mismatches: z.array(z.object({ id: z.string(), reason: z.string() })),
});

type Follower = Pick<ProjectionRunner<unknown>, 'waitFor'>;

const catchUpWithinMs = 10_000;
const maxMismatches = 100;

/** Compares each document of the view with the fold of its stream, up to where the log was when it began. */
export class ViewAudit {
  readonly #parts: Readonly<{ store: EventStore; orders: Orders; views: OrderViews; follower: Follower }>;

  constructor(parts: Readonly<{ store: EventStore; orders: Orders; views: OrderViews; follower: Follower }>) {
    this.#parts = parts;
  }

  /** Compares all. */
  async run(): Promise<z.output<typeof auditShape>> {
    const { store, follower } = this.#parts;
    const position = await store.head();
    if (!(await follower.waitFor(position, catchUpWithinMs))) {
      throw new ProblemError('lagging', 'the view does not reach the log', { headers: { 'retry-after': '5' } });
    }
    const ids = await this.#orderIds();
    const mismatches: { id: string; reason: string }[] = [];
    for (const id of ids) {
      const reason = await this.#compare(id);
      if (reason !== undefined && mismatches.length < maxMismatches) mismatches.push({ id, reason });
      await setImmediate();
    }
    return { orders: ids.size, position, mismatches };
  }

  async #orderIds(): Promise<ReadonlySet<string>> {
    const { store } = this.#parts;
    const ids = new Set<string>();
    for (let after = store.start; ;) {
      const page = await store.readAll({ after, prefixes: [orderPrefix], limit: 1000 });
      for (const event of page.events) if (event.version === 0n) ids.add(orderIdOf(event.stream));
      if (page.events.length < 1000) return ids;
      after = page.scannedTo;
    }
  }

  /** Traffic goes on meanwhile, so the fold is taken at the version that the view has. */
  async #compare(id: string): Promise<string | undefined> {
    const { orders, views } = this.#parts;
    const viewed = await views.get(id);
    if (viewed === undefined) return 'not in the view';
    const { state, version } = await orders.load(id, BigInt(viewed.version));
    const folded = toOrderDocument(id, state, version);
    const isEqual = isDeepStrictEqual(viewed, JSON.parse(JSON.stringify(folded ?? null)));
    return isEqual ? undefined : `the view at version ${viewed.version} is not the fold`;
  }
}
