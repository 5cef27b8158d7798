import assert from 'node:assert/strict';
import type { Reader, Writer } from 'protobufjs/minimal.js';
import type { TypedValue } from './typed.ts';

/** A scalar in the typed form: 64-bit integers are numbers when safe, else decimal text; bytes are base64. */
export type Scalar = string | number | boolean;

/** Whether a scalar is what proto3 takes when the field is absent. */
export function isDefaultScalar(value: TypedValue | undefined): boolean {
  return value === 0 || value === '' || value === false;
}

/** Writes one scalar, without its tag. A value of the wrong kind is an error of the program. */
export function writeScalar(writer: Writer, type: string, value: TypedValue): void {
  switch (type) {
    case 'string':
      assert(typeof value === 'string', `expected a string, got ${JSON.stringify(value)}`);
      writer.string(value);
      return;
    case 'bytes':
      assert(typeof value === 'string', `expected base64, got ${JSON.stringify(value)}`);
      writer.bytes(Buffer.from(value, 'base64'));
      return;
    case 'bool':
      assert(typeof value === 'boolean', `expected a boolean, got ${JSON.stringify(value)}`);
      writer.bool(value);
      return;
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      writer[type](toLongParts(value));
      return;
    case 'double':
    case 'float':
      writer[type](toFloat(value));
      return;
    case 'int32':
    case 'uint32':
    case 'sint32':
    case 'fixed32':
    case 'sfixed32':
      assert(typeof value === 'number', `expected a number, got ${JSON.stringify(value)}`);
      writer[type](value);
      return;
    default:
      assert.fail(`unknown scalar type ${type}`);
  }
}

/** Reads one scalar, after its tag. */
export function readScalar(reader: Reader, type: string): Scalar {
  switch (type) {
    case 'string':
      return readText(reader);
    case 'bool':
    case 'int32':
    case 'uint32':
    case 'sint32':
    case 'fixed32':
    case 'sfixed32':
      return reader[type]();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return fromLong(reader[type]());
    case 'double':
      return fromFloat(reader.double());
    case 'float':
      return fromFloat(shortestFloat(reader.float()));
    default:
      assert.fail(`unknown scalar type ${type}`);
  }
}

/** Reads text. The reader's own `string()` takes what is there when the bytes end too early; this throws. */
export function readText(reader: Reader): string {
  const bytes = reader.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** The least decimal number that a 32-bit float stands for: 0.1, not 0.10000000149011612. */
export function shortestFloat(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}

/** Both halves of a 64-bit integer, as the reader gives and the writer takes them beside plain numbers. */
type Long = ReturnType<Reader['uint64']>;

function toLongParts(value: TypedValue): number | Long {
  assert(typeof value === 'number' || typeof value === 'string', `expected an integer, got ${JSON.stringify(value)}`);
  if (typeof value === 'number') return value;
  const bits = BigInt.asUintN(64, BigInt(value));
  return { low: Number(bits & 0xffff_ffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: !value.startsWith('-') };
}

function fromLong(value: number | Long): Scalar {
  if (typeof value === 'number') return value;
  const high = value.unsigned ? value.high >>> 0 : value.high;
  const number = high * 2 ** 32 + (value.low >>> 0);
  return Number.isSafeInteger(number) ? number : String((BigInt(high) << 32n) | BigInt(value.low >>> 0));
}

const notNumbers: ReadonlyMap<TypedValue, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function toFloat(value: TypedValue): number {
  const number = typeof value === 'number' ? value : notNumbers.get(value);
  assert(number !== undefined, `expected a number, got ${JSON.stringify(value)}`);
  return number;
}

function fromFloat(value: number): Scalar {
  return Number.isFinite(value) ? value : String(value);
}
