import type { OrderDocument } from './order-document.ts';

/** Which orders to list. `cursor` is what the page before gave as `next`. */
export type ListQuery = Readonly<{
  customerId?: string | undefined;
  status?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}>;

/** One page of a list, newest first; `next` is absent on the last. */
export type ListPage = Readonly<{ orders: readonly OrderDocument[]; next?: string | undefined }>;

/** The view of orders by id, customer and status. */
export interface OrderViews {
  get(id: string): Promise<OrderDocument | undefined>;
  list(query: ListQuery): Promise<ListPage>;
}

/** One page of search results, best first, and how many there are in all. */
export type SearchPage = Readonly<{ orders: readonly OrderDocument[]; total: number }>;

/** The search over orders: titles and descriptions of their lines, and the beginning of the email address. */
export interface OrderSearch {
  search(query: Readonly<{ text: string; page: number; size: number }>): Promise<SearchPage>;
}
