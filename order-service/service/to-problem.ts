import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from 'fastify-type-provider-zod';
import type { CommandOutcome } from '../eventstore/aggregate.ts';
import { ConflictError, StoreUnavailableError, TooLargeError } from '../eventstore/store-error.ts';
import { isProblemCode, ProblemError } from './problem.ts';

type Done<State> = Extract<CommandOutcome<State>, { kind: 'done' }>;

/** The outcome of a command when it was carried out; otherwise the problem is thrown. */
export function requireDone<State>(outcome: CommandOutcome<State>, name: string): Done<State> {
  switch (outcome.kind) {
    case 'done':
      return outcome;
    case 'key_reused':
      throw new ProblemError('key_reused', 'this Idempotency-Key was used with another request');
    case 'version_mismatch': {
      const { actual } = outcome;
      if (actual === undefined) throw new ProblemError('not_found', `there is no such ${name}`);
      const detail = `the ${name} is at version ${actual}`;
      const extra = { currentVersion: Number(actual) };
      throw new ProblemError('version_mismatch', detail, { extra, headers: { etag: `"${actual}"` } });
    }
    case 'refused': {
      const { code, detail, extra } = outcome.refusal;
      if (code === 'invalid') throw new ProblemError('invalid_request', detail, { extra });
      throw new ProblemError(isProblemCode(code) ? code : 'order_state', detail, { extra });
    }
  }
}

const retryAfter = { 'retry-after': '1' };

/** Whatever was thrown, as a problem. What is not known is `internal`, and says nothing of its cause. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof TooLargeError) return new ProblemError('too_large', error.message);
  if (error instanceof ConflictError) {
    return new ProblemError('contended', 'too many writers at once', { headers: retryAfter, cause: error });
  }
  if (error instanceof StoreUnavailableError) {
    return error.certain
      ? new ProblemError('store_unavailable', 'nothing was written', { headers: retryAfter, cause: error })
      : new ProblemError('unknown_outcome', 'repeat the request with the same key to learn it', { cause: error });
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map((issue) => ({
      path: `${error.validationContext ?? ''}${issue.instancePath.replaceAll('/', '.')}`,
      message: issue.message ?? 'is not valid',
    }));
    return new ProblemError('invalid_request', 'the request is not as described', { extra: { problems } });
  }
  if (isResponseSerializationError(error)) return new ProblemError('internal', 'internal error', { cause: error });
  return fromFramework(error);
}

function fromFramework(error: unknown): ProblemError {
  const statusCode = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  const detail = error instanceof Error ? error.message : '';
  if (statusCode === 413) return new ProblemError('too_large', detail);
  if (statusCode === 415) return new ProblemError('wrong_media_type', detail);
  if (statusCode === 404) return new ProblemError('not_found', detail);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ProblemError('invalid_request', detail);
  }
  return new ProblemError('internal', 'internal error', { cause: error });
}
