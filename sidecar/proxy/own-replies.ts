import type { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead } from '../http1/message.ts';
import type { ServerStream } from '../net/http-stream.ts';
import type { LocalReply } from './filter.ts';

/** Nothing but a status; to be completed. */
const emptyReply: LocalReply = { status: 200, body: '', headers: [], flag: '', details: '', grpcStatus: null };

/** A redirect to a location. */
export function redirectReply(status: number, location: string): LocalReply {
  return { ...emptyReply, status, headers: [['location', location]], details: 'direct_response' };
}

/** An answer that the configuration gives. */
export function directReply(status: number, body: Uint8Array | null): LocalReply {
  // In a worker thread the configuration was posted, which makes plain bytes of a Buffer.
  const bytes = body === null ? '' : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return { ...emptyReply, status, body: bytes, details: 'direct_response' };
}

/** Whether a request is a gRPC call, to be answered as one; gRPC-Web is plain HTTP to us, as to Envoy. */
export function isGrpcCall(headers: HeaderMap): boolean {
  const type = headers.get('content-type');
  return type !== undefined && (type === 'application/grpc' || type.startsWith('application/grpc+'));
}

/** The gRPC status in headers or trailers, or -1. */
export function grpcStatusIn(headers: HeaderMap): number {
  const value = headers.get('grpc-status');
  if (value === undefined || value.length === 0 || value.length > 3) return -1;
  let status = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status;
}

/** The client may send its body at once, and the upstream hears nothing of its caution. */
export function answerExpectation(stream: ServerStream, request: RequestHead): void {
  stream.sendContinue();
  request.expectsContinue = false;
}
