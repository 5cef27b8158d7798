/** Where a connection was meant for before it was redirected, or where a socket is bound. */
export type Destination = Readonly<{ address: string; port: number }>;

/** Linux's numbers (bits/socket.h). */
export const afInet = 2;
export const afInet6 = 10;
/** `struct sockaddr_in` and `struct sockaddr_in6`; the second is the longer one. */
export const sockaddrInBytes = 16;
export const sockaddrIn6Bytes = 28;

/** Reads a `sockaddr_in` or `sockaddr_in6` in network order; null for another family. */
export function parseSockaddr(bytes: Buffer): Destination | null {
  // The family is the one field in the byte order of the host; all that Node runs on are little-endian or tell here.
  const family = bytes.readUInt16LE(0);
  const port = bytes.readUInt16BE(2);
  if (family === afInet) return { address: bytes.subarray(4, 8).join('.'), port };
  if (family !== afInet6) return null;
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(8 + 2 * n).toString(16));
  return { address: compressIpv6(groups), port };
}

/** RFC 5952: the longest run of zero groups, at least two, becomes `::`. */
function compressIpv6(groups: readonly string[]): string {
  let [start, length] = [0, 0];
  for (let from = 0; from < groups.length; from++) {
    let to = from;
    while (groups[to] === '0') to++;
    if (to - from > length) [start, length] = [from, to - from];
    from = Math.max(from, to);
  }
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}
