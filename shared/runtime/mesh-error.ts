/** What can go wrong in the world (not in an input, not in the program). Match on the code, never on the message. */
export type MeshErrorCode =
  | 'aborted'
  | 'authentication'
  | 'certificate'
  | 'closed'
  | 'conflict'
  | 'connect_refused'
  | 'connect_timeout'
  | 'connection_reset'
  | 'control_plane_unavailable'
  | 'io'
  | 'not_found'
  | 'peer_identity'
  | 'permission'
  | 'protocol'
  | 'resource_exhausted'
  | 'timeout'
  | 'tls_handshake'
  | 'unavailable'
  | 'unsupported';

/** An error of the world with a stable code, the facts of the case, and its cause. */
export class MeshError extends Error {
  readonly code: MeshErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: MeshErrorCode,
    message: string,
    options: { cause?: unknown; facts?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MeshError';
    this.code = code;
    this.facts = options.facts ?? {};
  }
}

/** Whether `error` is a {@link MeshError} of one of these codes. */
export function isMeshError(error: unknown, ...codes: MeshErrorCode[]): error is MeshError {
  return error instanceof MeshError && (codes.length === 0 || codes.includes(error.code));
}

/** The message of anything that was thrown, with the messages of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}
