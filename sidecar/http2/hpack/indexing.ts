/**
 * Which fields enter the dynamic table. What enters costs 32 octets and its own, evicts others, and pays only if it is sent again on
 * the connection.
 *
 * - nghttp2 (and so Node) keeps `:path`, `age`, `content-length`, `etag`, `if-modified-since`, `if-none-match`, `location` and
 *   `set-cookie` out of the table, and all that would take more than three quarters of it; `authorization` and a `cookie` of less than
 *   20 octets it marks as never to be indexed, since such can be guessed (RFC 7541 7.1.3). The rest it indexes, `date` too.
 * - Go indexes whatever fits and is not marked as sensitive by its caller.
 *
 * Here, the list of nghttp2 and what a mesh adds to it is indexed once it repeats: a gRPC client calls few paths again and again,
 * others send a path but once. Identifiers of requests are always new, but not their names, which the static table lacks. `date`
 * is the same for a second, so it is indexed: 1 octet instead of 23.
 *
 * Octets of the heads of a request and its response, with a new request id and trace each (bench/micro/hpack.ts): of gRPC calls of five
 * methods 86 (by the rules of nghttp2 in our encoder 121, by those of Go 99), of calls with a path, ETag and length each 134 (140, 142).
 */
export type Indexing =
  /** Enters the table when first sent. */
  | 'always'
  /** Enters the table when a value repeats; or when its name is not in the tables, for the sake of the name. */
  | 'repeated'
  /** Enters the table only when its name is not in the tables. */
  | 'name'
  /** A short one is never indexed, here and further on (RFC 7541 6.2.3). */
  | 'unlessShort'
  /** Never indexed, here and further on. */
  | 'never';

/** A cookie shorter than this can be guessed (as nghttp2 sees it). */
export const shortSecretBytes = 20;

const names: Readonly<Record<Exclude<Indexing, 'always'>, readonly string[]>> = {
  repeated: [
    ':path',
    'age',
    'content-length',
    'content-range',
    'etag',
    'grpc-message',
    'grpc-timeout',
    'if-modified-since',
    'if-none-match',
    'location',
    'range',
    'x-envoy-original-path',
    'x-envoy-upstream-service-time',
    'x-forwarded-for',
  ],
  name: [
    'b3',
    'grpc-status-details-bin',
    'grpc-trace-bin',
    'traceparent',
    'tracestate',
    'uber-trace-id',
    'x-amzn-trace-id',
    'x-b3-parentspanid',
    'x-b3-spanid',
    'x-b3-traceid',
    'x-client-trace-id',
    'x-cloud-trace-context',
    'x-ot-span-context',
    'x-request-id',
  ],
  unlessShort: ['cookie'],
  never: ['authorization', 'proxy-authorization', 'set-cookie'],
};

const byName: ReadonlyMap<string, Indexing> = new Map(
  (['repeated', 'name', 'unlessShort', 'never'] as const).flatMap((indexing) =>
    names[indexing].map((name): [string, Indexing] => [name, indexing]),
  ),
);

/** How fields of this (lower-case) name are indexed. */
export function indexingOf(name: string): Indexing {
  return byName.get(name) ?? 'always';
}
