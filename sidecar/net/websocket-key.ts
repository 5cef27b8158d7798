import { createHash, randomBytes } from 'node:crypto';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A `Sec-WebSocket-Key` for a server of HTTP/1.1, where a client of HTTP/2 has none (RFC 6455 4.1, RFC 8441 5). */
export function randomKey(): string {
  return randomBytes(16).toString('base64');
}

/** The `Sec-WebSocket-Accept` that answers a key (RFC 6455 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64');
}
