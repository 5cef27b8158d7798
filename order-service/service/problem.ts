import { status as grpcStatus } from '@grpc/grpc-js';
import { z } from 'zod';

/** Every way in which a request can fail: its HTTP and gRPC status, and whether the same request may be sent again. */
export const problemKinds = {
  invalid_request: {
    status: 400,
    grpc: grpcStatus.INVALID_ARGUMENT,
    title: 'The request is not valid',
    retryable: false,
  },
  key_missing: {
    status: 400,
    grpc: grpcStatus.INVALID_ARGUMENT,
    title: 'Idempotency-Key is missing',
    retryable: false,
  },
  payment_declined: { status: 402, grpc: grpcStatus.FAILED_PRECONDITION, title: 'Payment declined', retryable: false },
  not_found: { status: 404, grpc: grpcStatus.NOT_FOUND, title: 'Not found', retryable: false },
  wrong_method: { status: 405, grpc: grpcStatus.UNIMPLEMENTED, title: 'Method not allowed', retryable: false },
  order_state: {
    status: 409,
    grpc: grpcStatus.FAILED_PRECONDITION,
    title: 'Not possible in this state',
    retryable: false,
  },
  payment_state: {
    status: 409,
    grpc: grpcStatus.FAILED_PRECONDITION,
    title: 'Not possible in this state',
    retryable: false,
  },
  reservation_state: {
    status: 409,
    grpc: grpcStatus.FAILED_PRECONDITION,
    title: 'Not possible in this state',
    retryable: false,
  },
  out_of_stock: { status: 409, grpc: grpcStatus.FAILED_PRECONDITION, title: 'Out of stock', retryable: false },
  version_mismatch: { status: 412, grpc: grpcStatus.ABORTED, title: 'Changed meanwhile', retryable: false },
  too_large: { status: 413, grpc: grpcStatus.RESOURCE_EXHAUSTED, title: 'Too large', retryable: false },
  wrong_media_type: { status: 415, grpc: grpcStatus.INVALID_ARGUMENT, title: 'Send JSON', retryable: false },
  key_reused: {
    status: 422,
    grpc: grpcStatus.FAILED_PRECONDITION,
    title: 'Idempotency-Key was used before',
    retryable: false,
  },
  version_required: {
    status: 428,
    grpc: grpcStatus.FAILED_PRECONDITION,
    title: 'If-Match is required',
    retryable: false,
  },
  unknown_outcome: { status: 500, grpc: grpcStatus.UNKNOWN, title: 'Perhaps done, perhaps not', retryable: true },
  internal: { status: 500, grpc: grpcStatus.INTERNAL, title: 'Internal error', retryable: false },
  contended: { status: 503, grpc: grpcStatus.UNAVAILABLE, title: 'Too many writers', retryable: true },
  lagging: { status: 503, grpc: grpcStatus.UNAVAILABLE, title: 'The read model is behind', retryable: true },
  store_unavailable: { status: 503, grpc: grpcStatus.UNAVAILABLE, title: 'The store is unavailable', retryable: true },
  upstream_unavailable: {
    status: 503,
    grpc: grpcStatus.UNAVAILABLE,
    title: 'A service it needs is unavailable',
    retryable: true,
  },
  deadline: {
    status: 504,
    grpc: grpcStatus.DEADLINE_EXCEEDED,
    title: 'A service it needs did not answer in time',
    retryable: true,
  },
} as const;

/** The stable code of a problem. */
export type ProblemCode = keyof typeof problemKinds;

/** Is this one of our codes? */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemKinds, code);
}

/** The body of every failed answer (RFC 9457). */
export const problemShape = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    instance: z.string().optional(),
    traceId: z.string().optional(),
    retryable: z.boolean(),
  })
  .meta({ title: 'Problem' });

/** A failed request: thrown anywhere below an API, made an answer of by that API alone. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  /** Further members of the body. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: Readonly<{
      extra?: Record<string, unknown> | undefined;
      headers?: Record<string, string>;
      cause?: unknown;
    }> = {},
  ) {
    super(detail, { cause: more.cause });
    this.name = 'ProblemError';
    this.code = code;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
  }
}

/** The body for a problem. */
export function encodeProblem(
  problem: ProblemError,
  where: Readonly<{ instance?: string; traceId?: string }>,
): z.output<typeof problemShape> {
  const { status, title, retryable } = problemKinds[problem.code];
  const { code, message: detail, extra } = problem;
  return { ...extra, type: `urn:problem-type:${code}`, title, status, code, detail, ...where, retryable };
}
