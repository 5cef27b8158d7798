import type { AbortCause } from './http-stream.ts';

/** What the end of a connection, with its error if there was one, means to a stream that was not done. */
export function abortCauseOf(error: Error | null): AbortCause {
  if (error === null) return { kind: 'connectionClosed', reset: false, detail: 'the peer closed the connection' };
  const code = 'code' in error ? error.code : undefined;
  const isReset = code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED';
  return { kind: 'connectionClosed', reset: isReset, detail: error.message };
}
