/** Exit codes, the same in every output format (sysexits where they fit; 79: findings). */
export const exitCodes = {
  ok: 0,
  failed: 1,
  cancelled: 2,
  usage: 64,
  badInput: 65,
  unreachable: 69,
  notAllowed: 77,
  findings: 79,
  timeout: 124,
  /** As Istio's validation of its rules: controllers that repair pods look for it. */
  notCaptured: 126,
} as const;

/** A command ended badly: the exit code, what is wrong, and what to do about it. */
export class CommandError extends Error {
  readonly exitCode: number;
  readonly hint: string;

  constructor(exitCode: number, message: string, hint = '') {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
