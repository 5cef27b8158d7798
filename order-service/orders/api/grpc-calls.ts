import { Metadata, status as grpcStatus, type handleUnaryCall, type ServiceError } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { readCallContext, traceIdOf, type CallContext } from '../../service/call-context.ts';
import { encodeProblem, problemKinds } from '../../service/problem.ts';
import { toProblem } from '../../service/to-problem.ts';

/** A request message as proto-loader decodes it. */
export type Message = Readonly<Record<string, unknown>>;

/** What answers a unary call. */
export type UnaryHandler = (message: Message, call: CallContext) => Promise<object>;

/** A gRPC method made of a handler: what the handler throws becomes a status, with the problem document beside it. */
export function unary(handler: UnaryHandler, logger: Logger): handleUnaryCall<Message, object> {
  return (call, callback) => {
    const context = contextOf(call.metadata);
    handler(call.request, context).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error, context, logger)),
    );
  };
}

/** The context that a call's metadata carries. */
export function contextOf(metadata: Metadata): CallContext {
  const texts = Object.entries(metadata.getMap()).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return readCallContext(Object.fromEntries(texts));
}

/** The status for whatever was thrown. `problem-bin` in the trailers is the same document that REST answers. */
export function toServiceError(error: unknown, context: CallContext, logger: Logger): ServiceError {
  const problem = toProblem(error);
  const { grpc: code } = problemKinds[problem.code];
  if (problemKinds[problem.code].status >= 500) logger.warn({ err: problem, code: problem.code }, 'call failed');
  const metadata = new Metadata();
  const body = encodeProblem(problem, { traceId: traceIdOf(context) });
  metadata.set('problem-code', problem.code);
  metadata.set('problem-bin', Buffer.from(JSON.stringify(body)));
  // A version conflict is the caller's to look at: sending the call again cannot help (gRFC A6).
  if (code === grpcStatus.ABORTED) metadata.set('grpc-retry-pushback-ms', '-1');
  const served = problem.headers['x-payments-version'];
  if (served !== undefined) metadata.set('x-payments-version', served);
  return Object.assign(new Error(problem.message), { code, details: problem.message, metadata });
}
