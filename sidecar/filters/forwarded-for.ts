import { isIP } from 'node:net';
import type { RequestHead } from '../http1/message.ts';

/**
 * The client's address by `x-forwarded-for`: the last entry, or the one that so many trusted hops put before it. Null without the
 * header, or if the entry is no address.
 */
export function forwardedClient(head: RequestHead, trustedHops: number): string | null {
  const joined = head.headers.getJoined('x-forwarded-for');
  if (joined === undefined) return null;
  const entries = joined.split(',');
  const entry = entries[entries.length - 1 - trustedHops]?.trim() ?? '';
  return isIP(entry) === 0 ? null : entry;
}

/** Appends an address to `x-forwarded-for`, in one line. */
export function appendForwardedFor(head: RequestHead, address: string): void {
  const before = head.headers.getJoined('x-forwarded-for');
  head.headers.set('x-forwarded-for', before === undefined || before === '' ? address : `${before},${address}`);
}
