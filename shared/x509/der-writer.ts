/**
 * Writes ASN.1 DER: every function returns the bytes of one finished value, so that parts which exist already (a public
 * key, an issuer's name) are put in as they are. Byte for byte: a re-encoded issuer name would break the chain.
 */

/** Tags of the types that X.509 uses. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific value, primitive (`IMPLICIT` string) or constructed (`EXPLICIT`). */
export function contextTag(number: number, form: 'primitive' | 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number;
}

/** One value: tag, minimal length, the parts in a row. */
export function encodeValue(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const lengthBytes = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  const out = Buffer.allocUnsafe(2 + lengthBytes + length);
  out[0] = tag;
  if (lengthBytes === 0) out[1] = length;
  else {
    out[1] = 0x80 | lengthBytes;
    out.writeUIntBE(length, 2, lengthBytes);
  }
  let at = 2 + lengthBytes;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** SEQUENCE of finished values. */
export function encodeSequence(...parts: readonly Uint8Array[]): Buffer {
  return encodeValue(tags.sequence, ...parts);
}

/** INTEGER of an unsigned big-endian number: leading zeros are dropped, a zero is added where the top bit is set. */
export function encodeUnsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return encodeValue(tags.integer, Buffer.alloc((digits[0] ?? 0x80) >= 0x80 ? 1 : 0), digits);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) groups.unshift((high % 128) | 0x80);
    bytes.push(...groups);
  }
  return encodeValue(tags.oid, Buffer.from(bytes));
}

/** BIT STRING; `unusedBits` of the last byte do not count. */
export function encodeBitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encodeValue(tags.bitString, Buffer.of(unusedBits), bytes);
}

/** OCTET STRING around a finished value. */
export function encodeOctetString(bytes: Uint8Array): Buffer {
  return encodeValue(tags.octetString, bytes);
}

/** BOOLEAN TRUE: DER leaves FALSE out wherever X.509 has a boolean, for it is the default. */
export const encodedTrue: Buffer = encodeValue(tags.boolean, Buffer.of(0xff));

/** A point of time, whole seconds: UTCTime until 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
export function encodeTime(epochMs: number): Buffer {
  const iso = new Date(epochMs).toISOString();
  const digits = `${iso.slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return Number(iso.slice(0, 4)) < 2050
    ? encodeValue(tags.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : encodeValue(tags.generalizedTime, Buffer.from(digits, 'latin1'));
}
