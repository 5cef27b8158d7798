/**
 * The one place where a failure becomes a response: status, body, flag and details as Envoy gives them
 * (source/common/http/utility.cc, source/common/router/router.cc).
 */
import type { LocalReply } from './filter.ts';

/** Why no (whole) response came from upstream, or why none was asked for. */
export type Failure =
  | Readonly<{ kind: 'noRoute' }>
  | Readonly<{ kind: 'noCluster'; status: number }>
  | Readonly<{ kind: 'noHealthyHost' }>
  | Readonly<{ kind: 'overflow' }>
  /** No connection: refused, timed out, TLS failed. */
  | Readonly<{ kind: 'connectFailure'; reason: string; isTimeout?: boolean | undefined }>
  /** The connection ended before a response began. */
  | Readonly<{ kind: 'reset'; isRemoteReset: boolean }>
  | Readonly<{ kind: 'upstreamProtocolError'; detail: string }>
  | Readonly<{ kind: 'routeTimeout' }>
  | Readonly<{ kind: 'perTryTimeout' }>
  /** It took longer than an exchange may. */
  | Readonly<{ kind: 'streamDuration'; isRequestWhole: boolean }>
  | Readonly<{ kind: 'idleTimeout'; isRequestWhole: boolean }>
  | Readonly<{ kind: 'badRequest'; status: number; details: string; message: string }>
  | Readonly<{ kind: 'upgradeRefused' }>
  /** A fault of ours, or a request that a rule cannot be applied to: nothing of it went upstream. */
  | Readonly<{ kind: 'internal'; detail: string }>;

/** A request without `Host` for an upstream of HTTP/2, which has no way to say that; status and details as Envoy's. */
export const noAuthority: Failure = {
  kind: 'badRequest',
  status: 400,
  details: 'missing_host_header',
  message: 'no Host, and the upstream takes HTTP/2, which needs one (RFC 9113 8.3.1)',
};

const noHeaders: LocalReply['headers'] = [];
const beforeHeaders = 'upstream connect error or disconnect/reset before headers.';

function reply(status: number, flag: string, details: string, body = ''): LocalReply {
  return { status, body, headers: noHeaders, flag, details, grpcStatus: null };
}

const deadlineExceeded = 4;

function outOfTime(local: LocalReply, compat: 'tulle' | 'istio'): LocalReply {
  return compat === 'istio' ? local : { ...local, grpcStatus: deadlineExceeded };
}

/**
 * `wasRetried`: the failed attempt was a retry, which Envoy's text tells. A gRPC call that runs out of time learns just that; under
 * `istio` it is told of an upstream that is unavailable, which is what Envoy makes of a 504.
 */
export function rescue(failure: Failure, wasRetried: boolean, compat: 'tulle' | 'istio'): LocalReply {
  switch (failure.kind) {
    case 'noRoute':
      return reply(404, 'NR', 'route_not_found');
    case 'noCluster':
      return reply(failure.status, 'NC', 'cluster_not_found');
    case 'noHealthyHost':
      return reply(503, 'UH', 'no_healthy_upstream', 'no healthy upstream');
    case 'routeTimeout':
      return outOfTime(reply(504, 'UT', 'response_timeout', 'upstream request timeout'), compat);
    case 'perTryTimeout':
      return outOfTime(reply(504, 'UT', 'upstream_per_try_timeout', 'upstream request timeout'), compat);
    case 'streamDuration': {
      // Envoy's ActiveStream::onStreamMaxDurationReached: without a flag, and with this status under both defaults.
      const status = failure.isRequestWhole ? 504 : 408;
      return outOfTime(reply(status, '', 'max_duration_timeout', 'downstream duration timeout'), 'tulle');
    }
    case 'idleTimeout':
      return reply(failure.isRequestWhole ? 504 : 408, 'SI', 'stream_idle_timeout', 'stream timeout');
    case 'badRequest':
      return reply(failure.status, /^http[12]\./.test(failure.details) ? 'DPE' : '', failure.details, failure.message);
    case 'internal':
      return reply(500, '', `internal_error{${failure.detail}}`.replaceAll(/[\s]/g, '_'));
    case 'upgradeRefused':
      return reply(403, '', 'upgrade_failed');
    case 'overflow':
    case 'connectFailure':
    case 'reset':
    case 'upstreamProtocolError':
      return rescueReset(failure, wasRetried);
  }
}

type ResetFailure = Extract<Failure, { kind: 'overflow' | 'connectFailure' | 'reset' | 'upstreamProtocolError' }>;

function rescueReset(failure: ResetFailure, wasRetried: boolean): LocalReply {
  const before = wasRetried
    ? `${beforeHeaders} retried and the latest reset reason: `
    : `${beforeHeaders} reset reason: `;
  switch (failure.kind) {
    case 'overflow':
      return {
        ...reply(503, 'UO', resetDetails('overflow'), `${before}overflow`),
        headers: [['x-envoy-overloaded', 'true']],
      };
    case 'connectFailure': {
      if (failure.isTimeout === true)
        return reply(503, 'UF', resetDetails('connection timeout'), `${before}connection timeout`);
      const reason = 'remote connection failure';
      return reply(503, 'UF', resetDetails(reason, failure.reason), `${before}${reason}`);
    }
    case 'reset': {
      const reason = failure.isRemoteReset ? 'remote reset' : 'connection termination';
      return reply(503, failure.isRemoteReset ? 'UR' : 'UC', resetDetails(reason), `${before}${reason}`);
    }
    case 'upstreamProtocolError':
      return reply(502, 'UPE', resetDetails('protocol error', failure.detail), `${before}protocol error`);
  }
}

/** Details hold no blanks: `upstream_reset_before_response_started{remote_connection_failure|...}`. */
function resetDetails(reason: string, more = ''): string {
  return `upstream_reset_before_response_started{${reason}${more === '' ? '' : `|${more}`}}`.replaceAll(' ', '_');
}
