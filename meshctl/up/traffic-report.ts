/** What the traffic generator says once a second, as one line of JSON on its standard output. */
export type TrafficReport = Readonly<{
  requestsPerSecond: number;
  /** Requests since the report before. */
  ok: number;
  failed: number;
  p50Ms: number;
  p99Ms: number;
  /** Of these, by the version of payments that was asked. */
  versions: Readonly<Record<string, number>>;
  /** Orders since the generator started; `wrong`: answers that contradict what went before. */
  orders: Readonly<Record<'placed' | 'paid' | 'completed' | 'cancelled' | 'wrong', number>>;
  /** When the first order was placed (milliseconds since the epoch). */
  firstOrderAt: number | null;
}>;

/** Reads a line; null when it is something else, such as the sum that the generator says at its end. */
export function parseTrafficReport(line: string): TrafficReport | null {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof read !== 'object' || read === null || !('rps' in read) || 'summary' in read) return null;
  const fields: Readonly<Record<string, unknown>> = { ...read };
  const number = (name: string) => (typeof fields[name] === 'number' ? fields[name] : 0);
  const first = fields['firstOrderAt'];
  return {
    requestsPerSecond: number('rps'),
    ok: number('ok'),
    failed: number('failed'),
    p50Ms: number('p50'),
    p99Ms: number('p99'),
    versions: counts(fields['versions']),
    orders: {
      placed: number('placed'),
      paid: number('paid'),
      completed: number('completed'),
      cancelled: number('cancelled'),
      wrong: number('wrong'),
    },
    firstOrderAt: typeof first === 'string' ? Date.parse(first) : null,
  };
}

function counts(value: unknown): Readonly<Record<string, number>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, count]) => [key, Number(count)]))
    : {};
}
