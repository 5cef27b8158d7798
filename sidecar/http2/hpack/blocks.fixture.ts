import assert from 'node:assert/strict';
import { HpackDecoder } from './decoder.ts';
import type { HpackEncoder } from './encoder.ts';

/** Fields as `name: value`. */
export type Lines = readonly string[];

/** What a decoder makes of a block. */
export type Decoded = Readonly<{ fault: string | null; lines: string[]; sensitive: string[]; listBytes: number }>;

export function aDecoder(maxTableBytes = 4096): HpackDecoder {
  return new HpackDecoder({ maxTableBytes });
}

/** Octets of hexadecimal text, in which white space is ignored. */
export function octets(hex: string): Buffer {
  const digits = hex.replaceAll(/\s/g, '');
  const bytes = Buffer.from(digits, 'hex');
  assert.equal(bytes.length * 2, digits.length, `not hexadecimal: ${hex}`);
  return bytes;
}

/** Decodes a block that stands between other octets, as it does in a frame. */
export function decodeBlock(decoder: HpackDecoder, block: Uint8Array): Decoded {
  const lines: string[] = [];
  const sensitive: string[] = [];
  const around = Buffer.from('ffffffff', 'hex');
  const bytes = Buffer.concat([around, block, around]);
  const fault = decoder.decode(bytes, around.length, around.length + block.length, {
    onField(name, value, isSensitive) {
      lines.push(`${name}: ${value}`);
      if (isSensitive) sensitive.push(name);
    },
  });
  return { fault, lines, sensitive, listBytes: decoder.listBytes };
}

/** Encodes a block, copied. */
export function encodeBlock(encoder: HpackEncoder, lines: Lines): Buffer {
  encoder.begin();
  for (const line of lines) {
    const colon = line.indexOf(': ', 1);
    encoder.field(line.slice(0, colon), line.slice(colon + 2));
  }
  return Buffer.from(encoder.finish());
}
