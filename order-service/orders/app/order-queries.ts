import type { Position } from '../../eventstore/event-store.ts';
import type { ProjectionRunner } from '../../eventstore/projection.ts';
import { ProblemError } from '../../service/problem.ts';
import { toOrderDocument, type OrderDocument } from '../readmodel/order-document.ts';
import type { ListPage, ListQuery, OrderSearch, OrderViews, SearchPage } from '../readmodel/order-views.ts';
import type { Orders } from './orders.ts';

/** An order, and whether it was read from the view or folded from the log. */
export type OrderRead = Readonly<{ order: OrderDocument; source: 'view' | 'log' }>;

/** How fresh an answer must be: what was written at this position is in it, or it is the newest there is. */
export type Freshness = Readonly<{ minPosition?: Position | undefined; isStrong?: boolean | undefined }>;

type Follower = Pick<ProjectionRunner<OrderDocument>, 'waitFor' | 'lagMs'>;

/** What the queries read. */
export type QueryParts = Readonly<{
  orders: Orders;
  views: OrderViews;
  search: OrderSearch;
  viewFollower: Follower;
  searchFollower: Follower;
}>;

/** How long a reader waits for its own write to reach a view. */
const freshWithinMs = 300;

/** The reading side. A single order is never missing because a view lags: then it is folded from the log. */
export class OrderQueries {
  readonly #parts: QueryParts;

  constructor(parts: QueryParts) {
    this.#parts = parts;
  }

  /** One order. */
  async get(id: string, { minPosition, isStrong = false }: Freshness): Promise<OrderRead> {
    const { views, viewFollower } = this.#parts;
    const isFresh =
      !isStrong && (minPosition === undefined || (await viewFollower.waitFor(minPosition, freshWithinMs)));
    const held = isFresh ? await views.get(id) : undefined;
    if (held !== undefined) return { order: held, source: 'view' };
    return { order: await this.#fold(id), source: 'log' };
  }

  /** One order as it was at a version. */
  async getAt(id: string, version: bigint): Promise<OrderRead> {
    return { order: await this.#fold(id, version), source: 'log' };
  }

  /** A page of orders, and how far behind the view may be. */
  async list(query: ListQuery, freshness: Freshness): Promise<Readonly<{ page: ListPage; lagMs: number }>> {
    const { views, viewFollower } = this.#parts;
    await requireFresh(viewFollower, freshness);
    return { page: await views.list(query), lagMs: viewFollower.lagMs };
  }

  /** A page of search results, and how far behind the search may be. */
  async search(
    query: Parameters<OrderSearch['search']>[0],
    freshness: Freshness,
  ): Promise<Readonly<{ page: SearchPage; lagMs: number }>> {
    const { search, searchFollower } = this.#parts;
    await requireFresh(searchFollower, freshness);
    return { page: await search.search(query), lagMs: searchFollower.lagMs };
  }

  async #fold(id: string, at?: bigint): Promise<OrderDocument> {
    const { state, version } = await this.#parts.orders.load(id, at);
    const order = toOrderDocument(id, state, version);
    const isThere = at === undefined || version === at;
    if (order === undefined || !isThere) throw new ProblemError('not_found', 'there is no such order');
    return order;
  }
}

async function requireFresh(follower: Follower, { minPosition }: Freshness): Promise<void> {
  if (minPosition === undefined || (await follower.waitFor(minPosition, freshWithinMs))) return;
  throw new ProblemError('lagging', 'the read model does not hold that position yet', {
    headers: { 'retry-after': '1' },
  });
}
