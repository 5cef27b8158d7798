import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { isRepeatable, type ResetKind } from '../upstream/retry-state.ts';
import type { Attempt, AttemptFailure } from './attempt.ts';
import { httpStatusOfGrpc } from './local-response.ts';
import { grpcStatusIn } from './own-replies.ts';
import type { Failure } from './rescue.ts';

/** A failed attempt in the words of retry conditions. */
export function resetKind(failure: AttemptFailure): ResetKind {
  switch (failure.kind) {
    case 'connectFailure':
    case 'overflow':
    case 'perTryTimeout':
    case 'routeTimeout':
    case 'reset':
      return failure.kind;
    case 'refused':
      return 'refusedStream';
    case 'protocolError':
      return 'reset';
  }
}

/** A failed attempt as the failure of its exchange. */
export function toFailure(failure: AttemptFailure): Failure {
  switch (failure.kind) {
    case 'protocolError':
      return { kind: 'upstreamProtocolError', detail: failure.detail };
    case 'refused':
      return { kind: 'reset', isRemoteReset: true };
    case 'connectFailure':
    case 'overflow':
    case 'reset':
    case 'perTryTimeout':
    case 'routeTimeout':
      return failure;
  }
}

/**
 * Whether a failed attempt may be made once more on a new connection, whatever the retry policy: a connection that had been kept ended
 * without a word, as when its server closes idle ones just as a request is on its way, and the request may be repeated (RFC 9112
 * section 9.3.1; SEMANTICS.md section 3, 1). Envoy answers 503 (UC).
 */
export function mayRenew(attempt: Attempt, failure: AttemptFailure, request: RequestHead): boolean {
  return failure.kind === 'reset' && !failure.isRemoteReset && attempt.isOnKept && isRepeatable(request);
}

/**
 * Counts a response that goes down. Of a gRPC call whose status is still to come only its failure by HTTP says something of the
 * host; for the rest see `countCall` (Filter::handleNon5xxResponseHeaders of Envoy's router.cc).
 */
export function countResponse(
  { stats }: Cluster,
  host: Host,
  { status, headers }: ResponseHead,
  { end, isGrpc }: Readonly<{ end: boolean; isGrpc: boolean }>,
): void {
  stats.upstream_rq_completed++;
  if (status >= 500) stats.upstream_rq_5xx++;
  else if (status >= 400) stats.upstream_rq_4xx++;
  else if (status >= 300) stats.upstream_rq_3xx++;
  else if (status >= 200) stats.upstream_rq_2xx++;
  if (status >= 500) host.stats.rq_error++;
  else if (!isGrpc) host.stats.rq_success++;
  else if (end) countCall(host, status, headers);
}

/** Counts a gRPC call that ended with these trailers, or with the head that they are; none is a failure. */
export function countCall({ stats }: Host, status: number, trailers: HeaderMap | null): void {
  if (status >= 500) return;
  const grpcStatus = trailers === null ? -1 : grpcStatusIn(trailers);
  if (grpcStatus >= 0 && httpStatusOfGrpc(grpcStatus) < 500) stats.rq_success++;
  else stats.rq_error++;
}

/** What outlier detection judges: for gRPC the HTTP status that the gRPC status in the head or trailers maps to. */
export function outlierStatus(status: number, fields: HeaderMap, isGrpc: boolean): number {
  const grpcStatus = isGrpc ? fields.get('grpc-status') : undefined;
  return grpcStatus === undefined ? status : httpStatusOfGrpc(Number(grpcStatus));
}
