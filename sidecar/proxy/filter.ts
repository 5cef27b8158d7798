import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { HttpFilterOverrides } from '../snapshot/http-filter.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { TlsFacts } from '../transport/transport.ts';

/** A response made by the proxy itself. */
export type LocalReply = Readonly<{
  status: number;
  body: string | Buffer;
  headers: readonly (readonly [string, string])[];
  /** Envoy's response flag (`NR`, `FI`, ...), or empty. */
  flag: string;
  /** Envoy's response code details. */
  details: string;
  /** Status for gRPC clients; null: mapped from `status`. */
  grpcStatus: number | null;
  /** The response headers that the route sets are left out (CORS preflights, as in Envoy). */
  skipsRouteHeaders?: true;
}>;

/** What a filter says of a request. After a delay the filter's own `next` holds. */
export type FilterVerdict =
  | Readonly<{ kind: 'continue' }>
  | Readonly<{ kind: 'reply'; reply: LocalReply }>
  | Readonly<{ kind: 'delay'; ms: number; flag: string; next: FilterVerdict }>;

/** What a filter may look at (and, for heads, change). */
export interface FilterContext {
  readonly request: RequestHead;
  /** Overrides of the chosen route, virtual host and weighted cluster, the most specific first; empty without a route. */
  readonly overrides: readonly HttpFilterOverrides[];
  readonly isGrpc: boolean;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: TlsFacts | null;
  /** Name of the chosen cluster; empty without one. */
  readonly clusterName: string;
  readonly random: Random;
}

/** One HTTP filter, compiled from its configuration; shared by all requests, so it keeps no state of a request. */
export interface HttpRequestFilter {
  readonly name: string;
  onRequest(context: FilterContext): FilterVerdict;
  /** Called for every response head, also of local replies that came after this filter had run. */
  onResponse?(context: FilterContext, head: ResponseHead): void;
  /** The delayed or whole exchange ended (for counts of what is under way). */
  onEnd?(context: FilterContext): void;
}

export const proceed: FilterVerdict = { kind: 'continue' };
