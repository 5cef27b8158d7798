import { Buffer } from 'node:buffer';
import { isIPv4, type Socket } from 'node:net';

/** Where a connection was meant for before it was redirected. */
export type Destination = Readonly<{ address: string; port: number }>;

/** Reads the original destination of a redirected connection; null if it was not redirected (or that is not known). */
export type OriginalDestination = (socket: Socket) => Destination | null;

/** `IP_ORIGDSTADDR`'s and `IP6T`'s number are the same: linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h. */
const soOriginalDst = 80;
const solIp = 0;
const solIpv6 = 41;
/** `struct sockaddr_in6` is the longer of the two. */
const sockaddrBytes = 28;
const afInet = 2;
const afInet6 = 10;

/**
 * Loads what is needed: Node exposes no getsockopt, so it is called in libc through koffi. That costs about 40 microseconds, once a
 * connection. Loaded only by who needs it, because the native module takes memory, and not every system has a build of it.
 */
export async function loadOriginalDestination(): Promise<OriginalDestination> {
  const { default: koffi } = await import('koffi');
  // The symbols of this process: the same name for glibc and musl.
  const getsockopt: unknown = koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ uint32_t *length)');
  if (typeof getsockopt !== 'function') throw new TypeError('no getsockopt');
  const value = Buffer.alloc(sockaddrBytes);
  const read = (fd: number, level: number): Destination | null => {
    const result: unknown = Reflect.apply(getsockopt, undefined, [fd, level, soOriginalDst, value, [sockaddrBytes]]);
    return result === 0 ? parseSockaddr(value) : null;
  };
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === null) return null;
    return isV4(socket.localAddress ?? '') ? read(fd, solIp) : read(fd, solIpv6);
  };
}

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

function isV4(address: string): boolean {
  return isIPv4(address) || address.startsWith('::ffff:');
}

/** The descriptor is on the handle only, a private field that has been there from the beginning. */
function descriptorOf(socket: Socket): number | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
