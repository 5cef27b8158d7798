/** How an exchange ended, for its log line and its counters. */
import type { ResponseHead } from '../http1/message.ts';
import type { AbortCause, ServerStream } from '../net/http-stream.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { grpcStatusOf } from './local-response.ts';
import type { LocalReply } from './filter.ts';
import type { HttpService } from './plan.ts';
import type { Failure } from './rescue.ts';
import type { RequestBody } from './request-body.ts';

/** The client went away or broke the protocol: flag and details as Envoy 1.40 gives them. */
export function recordAbort(record: AccessRecord, cause: AbortCause, isResponseStarted: boolean): void {
  switch (cause.kind) {
    case 'protocolError':
      // A connection of HTTP/1.1 answers for us; a stream of HTTP/2 is reset.
      if (!isResponseStarted && !isHttp2(record)) record.status = 400;
      record.addFlag('DPE');
      record.details = `${isHttp2(record) ? 'http2.violation.of.messaging.rule' : 'http1.codec_error'}{${cause.detail.replaceAll(' ', '_')}}`;
      return;
    case 'streamReset':
    case 'refused':
      record.addFlag('DR');
      record.details = cause.kind === 'refused' ? 'http2.remote_refuse' : 'http2.remote_reset';
      return;
    case 'connectionClosed':
    case 'timeout':
    case 'localClose':
      record.addFlag('DC');
      record.details = 'downstream_remote_disconnect';
  }
}

/** An exchange that ends without a (whole) answer, for the reason that the reply would have told. */
export function recordCutOff(record: AccessRecord, { flag, details }: LocalReply, isResponseStarted: boolean): void {
  record.addFlag(flag);
  record.details = isResponseStarted ? details.replace('_before_response_started', '_after_response_started') : details;
}

/**
 * Whether the caller is better told that nothing was done with its request than that it failed: an application that takes no connections,
 * as in a pod that ends, has not seen it, so that another pod may be asked. A 503 would be an answer, and is one for Istio.
 */
export function leavesUntouched(failure: Failure, { direction, compat }: HttpService): boolean {
  const isRefused = failure.kind === 'connectFailure' && failure.isTimeout !== true;
  return isRefused && direction === 'inbound' && compat !== 'istio';
}

function isHttp2({ protocol }: AccessRecord): boolean {
  return protocol === 'HTTP/2';
}

/**
 * What is only known at the end. A gRPC call without a status has the one that its HTTP status stands for, if it got that far; what
 * is not gRPC has none, whatever its fields say (Grpc::Common::getGrpcStatus of Envoy and its GRPC_STATUS).
 */
export function closeRecord(record: AccessRecord, body: RequestBody, stream: ServerStream, isGrpc: boolean): void {
  record.bytesReceived = body.receivedBytes;
  record.downstreamWireBytesReceived = stream.bytesReceived;
  record.downstreamWireBytesSent = stream.bytesSent;
  if (!isGrpc) record.grpcStatus = -1;
  else if (record.grpcStatus < 0 && record.status > 0) record.grpcStatus = grpcStatusOf(record.status);
}

/**
 * Whether a call whose answer has begun can be told why it ends: its time ran out, and the answer may have trailers. It gets its
 * status there; a reset, as by Envoy, would leave the client to guess.
 */
export function mayEndInTrailers(failure: Failure, response: ResponseHead | null): boolean {
  const isOutOfTime = failure.kind === 'routeTimeout' || failure.kind === 'streamDuration';
  return isOutOfTime && response !== null && response.contentLength < 0;
}
