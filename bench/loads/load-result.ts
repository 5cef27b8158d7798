/** What a load generator saw. `errors`: refused answers and broken connections; empty if none. */
export type LoadResult = Readonly<{
  count: number;
  seconds: number;
  latency: Readonly<{ p50Us: number; p99Us: number; p999Us?: number }> | null;
  errors: string;
}>;

/** A time as wrk and h2load write it, in microseconds. */
export function microseconds(text: string): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text);
  if (match === null) throw new Error(`${text} is no time`);
  const [, value, unit] = match;
  return Number(value) * { us: 1, ms: 1000, s: 1e6, m: 6e7 }[unit as 'us' | 'ms' | 's' | 'm'];
}
