/** Durations as users write them: Go's (`1h2m`, `100ms`), of which protobuf's JSON (`1.5s`) is a special case. */

const nanosecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const whole = /^([+-])?((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/** The milliseconds of a duration, perhaps with a fraction; `null` for what is no duration. */
export function parseDurationMs(text: string): number | null {
  if (text === '0') return 0;
  const match = text.length > 64 ? null : whole.exec(text);
  if (match === null) return null;
  const [, sign, parts = ''] = match;
  let nanoseconds = 0;
  for (const [, number = '', unit = ''] of parts.matchAll(part)) {
    // Whole and fraction apart: large numbers with a fraction keep their milliseconds.
    const scale = nanosecondsPerUnit[unit] ?? Number.NaN;
    const fraction = Number(`0.${number.split('.')[1] ?? ''}0`);
    nanoseconds += Math.trunc(Number(number)) * scale + Math.round(fraction * scale);
  }
  if (!Number.isFinite(nanoseconds)) return null;
  return nanoseconds === 0 ? 0 : (sign === '-' ? -nanoseconds : nanoseconds) / 1e6;
}

/** The milliseconds of a duration that was validated before; throws for what is no duration. */
export function durationMs(text: string): number {
  const milliseconds = parseDurationMs(text);
  if (milliseconds === null) throw new RangeError(`${JSON.stringify(text)} is not a duration, such as 1.5s`);
  return milliseconds;
}

/** Milliseconds as a duration that Go, protobuf's JSON and {@link parseDurationMs} all read: `1500` is `1.5s`. */
export function formatDurationMs(milliseconds: number): string {
  // Whole seconds and the rest apart, for a large quotient has no exact fraction.
  const size = Math.abs(milliseconds);
  const rest = ((size % 1000) / 1000)
    .toFixed(9)
    .slice(1)
    .replace(/\.?0+$/, '');
  return `${milliseconds < 0 ? '-' : ''}${Math.trunc(size / 1000)}${rest}s`;
}
