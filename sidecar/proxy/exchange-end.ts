/** How an exchange ended, for its log line and its counters. */
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { AbortCause, ServerStream } from '../net/http-stream.ts';
import type { AccessRecord } from '../telemetry/access-record.ts';
import { grpcStatusOf } from './local-response.ts';
import type { Exchange } from './exchange.ts';
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

/** Methods of which it does not matter whether they were carried out (RFC 9110 section 9.2.1). */
const harmless = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

type Refusable = Readonly<{ service: HttpService; request: RequestHead; stream: Pick<ServerStream, 'isLast'> }>;

/**
 * Whether the caller is better told that nothing was done with its request than that it failed, so that another pod may be asked: a 503
 * would be an answer (and is one for Istio). An application that takes no connections has not seen it. One that ends, with its pod, may
 * cut off a connection on which a request is on its way: that matters for no method that only reads.
 */
export function mayRefuse(failure: Failure, { service, request, stream }: Refusable): boolean {
  if (service.direction !== 'inbound' || service.compat === 'istio') return false;
  if (failure.kind === 'connectFailure') return failure.isTimeout !== true;
  return failure.kind === 'reset' && !failure.isRemoteReset && stream.isLast && harmless.has(request.method);
}

/** How much later than its application a sidecar may hear that their pod ends, on a machine that is busy. */
const endingNoticeMs = 250;

/** Whether a failure would be a refusal if the pod ended, of which we may not have heard yet: then `fail` is called a moment later. */
export function waitsForEnd(failure: Failure, exchange: Exchange, fail: () => void): boolean {
  const { service, request, record, stream, host } = exchange;
  if (failure.kind !== 'reset' || stream.isLast || exchange.isResponseStarted || !isHttp2(record)) return false;
  if (!mayRefuse(failure, { service, request, stream: { isLast: true } })) return false;
  host.clock.after(endingNoticeMs, fail);
  return true;
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
