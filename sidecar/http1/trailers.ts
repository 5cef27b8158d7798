import { Buffer } from 'node:buffer';
import { AddedLines } from './added-lines.ts';
import type { ByteWriter } from './byte-writer.ts';
import { FieldSection } from './field-section.ts';
import { connectionFields } from './connection-fields.ts';
import type { HeaderMap } from './header-map.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';

/** Fields that frame, route, authenticate or decide a message have no business in trailers (RFC 9110 6.5.1): they are dropped. */
export const forbiddenTrailers: readonly string[] = [
  ...connectionFields,
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'max-forwards',
  'proxy-authorization',
  'set-cookie',
  'te',
  'trailer',
];
const section = new FieldSection();
const added = new AddedLines();

/** The trailers that the octets from `start` to `end` (behind the empty line) hold, without forbidden fields; or the fault. */
export function parseTrailers(bytes: Buffer, start: number, end: number, maxFields: number): HeaderMap | ProtocolFault {
  const fault = section.parse(bytes, start, end - 2, maxFields);
  if (fault !== null) return fault === faults.tooManyFields ? fault : faults.fieldValue;
  const trailers = section.takeHeaders(Buffer.from(bytes.subarray(start, end - 2)));
  for (const name of forbiddenTrailers) trailers.remove(name);
  return trailers;
}

/** The last chunk with these trailers, and the end of the body. */
export function encodeTrailers(writer: ByteWriter, trailers: HeaderMap): Buffer {
  for (const name of forbiddenTrailers) trailers.remove(name);
  writer.begin(trailers.maxEncodedBytes + 8);
  writer.literal('0\r\n');
  trailers.encode(writer, added);
  writer.literal('\r\n');
  return writer.finish();
}
