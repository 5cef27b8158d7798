/** One thing that is wrong with an input: where (a path such as `spec.http[0].route`) and what. */
export type Problem = Readonly<{
  path: string;
  message: string;
  /** `error`: the input is refused. `warning`: it is taken, but something in it is not honoured or doubtful. */
  severity: 'error' | 'warning';
  /** A stable code of the problem, when there is one (`IST0130`, `TUL0107`). */
  code?: string;
}>;

/** The outcome of reading an input: a value (perhaps with warnings), or every problem at once. */
export type Result<T> =
  | Readonly<{ ok: true; value: T; warnings: readonly Problem[] }>
  | Readonly<{ ok: false; problems: readonly Problem[] }>;

/** A good result. */
export function ok<T>(value: T, warnings: readonly Problem[] = []): Result<T> {
  return { ok: true, value, warnings };
}

/** A bad result, with all its problems. */
export function fail<T>(problems: readonly Problem[]): Result<T> {
  return { ok: false, problems };
}

/** One error at a path. */
export function problem(path: string, message: string, code?: string): Problem {
  return code === undefined ? { path, message, severity: 'error' } : { path, message, severity: 'error', code };
}

/** One warning at a path. */
export function warning(path: string, message: string, code?: string): Problem {
  return code === undefined ? { path, message, severity: 'warning' } : { path, message, severity: 'warning', code };
}

/** `path: message` of each problem, for logs and exceptions. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map((p) => (p.path === '' ? p.message : `${p.path}: ${p.message}`)).join('; ');
}
