/** Local replies as response heads: for gRPC clients a status in headers, for others a body of text. */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from '#shared/runtime/node-http.ts';
import { HeaderMap } from '../http1/header-map.ts';
import type { ResponseHead } from '../http1/message.ts';
import type { BadRequest } from '../net/http-stream.ts';
import type { LocalReply } from './filter.ts';

/** gRPC status of an HTTP status (Envoy's Grpc::Utility::httpToGrpcStatus). */
export function grpcStatusOf(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

const httpOfGrpc: Readonly<Record<number, number>> = {
  0: 200,
  1: 499,
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  11: 400,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
  16: 401,
};

/** HTTP status of a gRPC status (Envoy's Grpc::Utility::grpcToHttpStatus). */
export function httpStatusOfGrpc(grpcStatus: number): number {
  return httpOfGrpc[grpcStatus] ?? 500;
}

/** The head and body to send for a reply. `isGrpc`: the request was a gRPC call. */
export function toResponse(reply: LocalReply, isGrpc: boolean): { head: ResponseHead; body: Buffer } {
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  return isGrpc ? toGrpcResponse(reply, body) : toPlainResponse(reply, body);
}

function toPlainResponse(reply: LocalReply, body: Buffer): { head: ResponseHead; body: Buffer } {
  const headers = new HeaderMap();
  const mayHaveBody = reply.status >= 200 && reply.status !== 204 && reply.status !== 304;
  for (const [name, value] of reply.headers) headers.set(name, value);
  const length = mayHaveBody ? body.length : 0;
  return { head: aHead(reply.status, headers, length), body: mayHaveBody ? body : Buffer.alloc(0) };
}

function toGrpcResponse(reply: LocalReply, body: Buffer): { head: ResponseHead; body: Buffer } {
  const headers = new HeaderMap();
  for (const [name, value] of reply.headers) headers.set(name, value);
  setGrpcStatus(headers, reply, body);
  return { head: aHead(200, headers, 0), body: Buffer.alloc(0) };
}

/** The trailers of a call that ends like this after its answer has begun. */
export function toGrpcTrailers(reply: LocalReply): HeaderMap {
  const trailers = new HeaderMap();
  setGrpcStatus(trailers, reply, typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body);
  return trailers;
}

function setGrpcStatus(fields: HeaderMap, { grpcStatus, status }: LocalReply, body: Buffer): void {
  fields.set('grpc-status', String(grpcStatus ?? grpcStatusOf(status)));
  if (body.length > 0) fields.set('grpc-message', percentEncode(body));
}

/** What a refused request is told: what is wrong with it, or for `istio` no more than Envoy says. */
export function refusalText({ status, details, message }: BadRequest, compat: 'tulle' | 'istio'): string {
  if (compat === 'tulle') return message;
  return details.startsWith('http1.') ? (STATUS_CODES[status] ?? '') : '';
}

/** Gives a local response the type of what it has, after all rules for its headers: text unless they named another, none without a body. */
export function settleContentType({ headers, contentLength }: ResponseHead, isGrpc: boolean): void {
  if (isGrpc) headers.set('content-type', 'application/grpc');
  else if (contentLength === 0) headers.remove('content-type');
  else if (!headers.has('content-type')) headers.add('content-type', 'text/plain');
}

function aHead(status: number, headers: HeaderMap, contentLength: number): ResponseHead {
  return { status, reason: '', version: 'HTTP/1.1', headers, contentLength, upgrade: null };
}

/** `grpc-message` holds printable ASCII, the rest percent-encoded (gRPC over HTTP/2). */
function percentEncode(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}
