import type { TypedValue } from './typed.ts';
import {
  formatDuration,
  formatTimestamp,
  parseDuration,
  parseTimestamp,
  wellKnown,
  wrapperScalars,
} from './well-known.ts';

/** A value read from JSON, or what should have been there. */
export type Read = Readonly<{ ok: true; value: TypedValue } | { ok: false; expected: string }>;

const integerRanges: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/** Reads a scalar as proto3 JSON has it: numbers may be text, bytes are base64 in either alphabet. */
export function readScalarJson(type: string, input: unknown): Read {
  switch (type) {
    case 'string':
      return typeof input === 'string' ? good(input) : bad('expected a string');
    case 'bool':
      return typeof input === 'boolean' ? good(input) : bad('expected true or false');
    case 'bytes':
      return readBytes(input);
    case 'double':
    case 'float':
      return readFloat(input);
    default:
      return readInteger(type, input);
  }
}

/** Reads a well-known type other than `Any` from the JSON form that it has of its own. */
export function readWellKnownJson(fullName: string, input: unknown): Read {
  const scalar = wrapperScalars.get(fullName);
  if (scalar !== undefined) return readScalarJson(scalar, input);
  switch (fullName) {
    case wellKnown.duration: {
      const duration = typeof input === 'string' ? parseDuration(input) : undefined;
      return duration === undefined ? bad('expected a duration such as "1.5s"') : good(formatDuration(duration));
    }
    case wellKnown.timestamp: {
      const time = typeof input === 'string' ? parseTimestamp(input) : undefined;
      return time === undefined ? bad('expected a time in RFC 3339') : good(formatTimestamp(time));
    }
    case wellKnown.list:
      return Array.isArray(input) ? readJson(input) : bad('expected a list');
    case wellKnown.struct:
      return isPlainObject(input) ? readJson(input) : bad('expected an object');
    default:
      return readJson(input);
  }
}

function readBytes(input: unknown): Read {
  if (typeof input !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(input)) return bad('expected base64');
  return good(Buffer.from(input, 'base64').toString('base64'));
}

function readFloat(input: unknown): Read {
  if (typeof input === 'number' && Number.isFinite(input)) return good(input);
  if (input === 'NaN' || input === 'Infinity' || input === '-Infinity') return good(input);
  const isNumeric = typeof input === 'string' && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(input);
  return isNumeric ? good(Number(input)) : bad('expected a number');
}

function readInteger(type: string, input: unknown): Read {
  const [min, max] = integerRanges[type] ?? [0n, 0n];
  const isInteger =
    typeof input === 'bigint' ||
    (typeof input === 'number' ? Number.isInteger(input) : typeof input === 'string' && /^-?\d{1,20}$/.test(input));
  const value = isInteger ? BigInt(input as string | number | bigint) : undefined;
  if (value === undefined || value < min || value > max) return bad(`expected an integer from ${min} to ${max}`);
  const number = Number(value);
  return good(Number.isSafeInteger(number) ? number : String(value));
}

function readJson(input: unknown): Read {
  if (input === null || typeof input === 'string' || typeof input === 'boolean') return good(input);
  if (typeof input === 'number') return Number.isFinite(input) ? good(input) : bad('expected a finite number');
  if (Array.isArray(input)) {
    const elements = input.map(readJson);
    return elements.find((element) => !element.ok) ?? good(elements.flatMap((read) => (read.ok ? [read.value] : [])));
  }
  if (!isPlainObject(input)) return bad('expected a JSON value');
  const entries = Object.entries(input).map(([key, value]) => [key, readJson(value)] as const);
  const wrong = entries.find(([, read]) => !read.ok)?.[1];
  return wrong ?? good(Object.fromEntries(entries.map(([key, read]) => [key, read.ok ? read.value : null])));
}

function isPlainObject(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function good(value: TypedValue): Read {
  return { ok: true, value };
}

function bad(expected: string): Read {
  return { ok: false, expected };
}
