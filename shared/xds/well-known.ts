/** Google's well-known types that have a JSON form of their own: their names, and durations and times as text. */

/** Messages that wrap one scalar, to tell "absent" from "default"; in JSON they are the bare scalar. */
export const wrapperScalars: ReadonlyMap<string, string> = new Map([
  ['google.protobuf.DoubleValue', 'double'],
  ['google.protobuf.FloatValue', 'float'],
  ['google.protobuf.Int64Value', 'int64'],
  ['google.protobuf.UInt64Value', 'uint64'],
  ['google.protobuf.Int32Value', 'int32'],
  ['google.protobuf.UInt32Value', 'uint32'],
  ['google.protobuf.BoolValue', 'bool'],
  ['google.protobuf.StringValue', 'string'],
  ['google.protobuf.BytesValue', 'bytes'],
]);

/** Full names of the other types with a JSON form of their own. */
export const wellKnown = {
  any: 'google.protobuf.Any',
  duration: 'google.protobuf.Duration',
  timestamp: 'google.protobuf.Timestamp',
  struct: 'google.protobuf.Struct',
  value: 'google.protobuf.Value',
  list: 'google.protobuf.ListValue',
} as const;

const withOwnJson: ReadonlySet<string> = new Set([...wrapperScalars.keys(), ...Object.values(wellKnown)]);

/** Whether an `Any` of this type holds its JSON in a field `value` rather than as fields of its own. */
export function hasOwnJson(fullName: string): boolean {
  return withOwnJson.has(fullName);
}

/** Seconds and nanoseconds, as durations and times travel. */
export type SecondsAndNanos = Readonly<{ seconds: number; nanos: number }>;

const maxDurationSeconds = 315_576_000_000;

/** Reads `"1.5s"`; undefined when it is not a duration. */
export function parseDuration(text: string): SecondsAndNanos | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (match === null) return undefined;
  const sign = match[1] === '-' ? -1 : 1;
  const seconds = Number(match[2]);
  if (seconds > maxDurationSeconds) return undefined;
  const nanos = Number((match[3] ?? '').padEnd(9, '0'));
  // `+ 0` turns -0 into 0.
  return { seconds: sign * seconds + 0, nanos: sign * nanos + 0 };
}

/** Writes a duration as proto JSON does: with 0, 3, 6 or 9 digits after the point. */
export function formatDuration({ seconds, nanos }: SecondsAndNanos): string {
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${formatFraction(Math.abs(nanos))}s`;
}

/** Reads an RFC 3339 time; undefined when it is none. */
export function parseTimestamp(text: string): SecondsAndNanos | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return { seconds: milliseconds / 1000, nanos: Number((match[2] ?? '').padEnd(9, '0')) };
}

/** Writes a time in RFC 3339, in UTC. */
export function formatTimestamp({ seconds, nanos }: SecondsAndNanos): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, '2000-01-01T00:00:00'.length);
  return `${whole}${formatFraction(nanos)}Z`;
}

function formatFraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`;
  return digits.endsWith('000') ? `.${digits.slice(0, 6)}` : `.${digits}`;
}
