import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { ResetKind } from '../upstream/retry-state.ts';
import type { AttemptFailure } from './attempt.ts';
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

/** Counts a response that goes down. */
export function countResponse({ stats }: Cluster, host: Host, status: number): void {
  stats.upstream_rq_completed++;
  if (status >= 500) stats.upstream_rq_5xx++;
  else if (status >= 400) stats.upstream_rq_4xx++;
  else if (status >= 300) stats.upstream_rq_3xx++;
  else if (status >= 200) stats.upstream_rq_2xx++;
  if (status >= 500) host.stats.rq_error++;
  else host.stats.rq_success++;
}
