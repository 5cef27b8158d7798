/** The values of flags. Each adds to `problems` what is wrong, and gives something of its type all the same. */
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { problem, type Problem } from '#shared/runtime/result.ts';

/** A number of threads; null: not said. */
export function threads(text: string | undefined, problems: Problem[]): number | null {
  if (text === undefined || text === '') return null;
  const isCount = /^\d{1,3}$/.test(text);
  if (!isCount) problems.push(problem('--concurrency', `${text} is not a number of threads (0 to 999)`));
  return isCount ? Number(text) : null;
}

/** `HOST:PORT`. */
export function hostPort(flag: string, text: string, problems: Problem[]): HostPort {
  const parsed = parseHostPort(text);
  if (parsed === null) problems.push(problem(flag, `${text} is not HOST:PORT`));
  return parsed ?? { host: '', port: 0 };
}

/** A port; 0 is any. */
export function port(flag: string, text: string, problems: Problem[]): number {
  const value = Number(text);
  const isPort = /^\d{1,5}$/.test(text) && value <= 65_535;
  if (!isPort) problems.push(problem(flag, `${text} is not a port`));
  return isPort ? value : 0;
}

/** One of the known words. */
export function oneOf<T extends string>(flag: string, text: string, known: readonly T[], problems: Problem[]): T {
  const found = known.find((each) => each === text);
  if (found === undefined) problems.push(problem(flag, `${text} is not one of ${known.join(', ')}`));
  return found ?? (known[0] as T);
}

/** A number that is not negative. */
export function number(flag: string, text: string, problems: Problem[]): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) problems.push(problem(flag, `${text} is not a number`));
  return Number.isFinite(value) ? value : 0;
}

/** An object of JSON (`where` is how it is called in a problem); null: not said, or none. */
export function jsonObject(
  where: string,
  text: string | undefined,
  problems: Problem[],
): Readonly<Record<string, unknown>> | null {
  if (text === undefined || text.trim() === '') return null;
  const value = json(where, text, problems);
  if (value === undefined || isObject(value)) return value ?? null;
  problems.push(problem(where, 'is not a JSON object'));
  return null;
}

/** Any JSON; undefined: not JSON. */
export function json(where: string, text: string, problems: Problem[]): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    problems.push(problem(where, `is not JSON: ${error instanceof Error ? error.message : String(error)}`));
    return undefined;
  }
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
