import { Buffer } from 'node:buffer';
import { isIPv4, type Socket } from 'node:net';
import { descriptorOf } from './descriptor.ts';
import { parseSockaddr, sockaddrIn6Bytes, type Destination } from './sockaddr.ts';

/** Reads the original destination of a redirected connection; null if it was not redirected (or that is not known). */
export type OriginalDestination = (socket: Socket) => Destination | null;

/** `IP_ORIGDSTADDR`'s and `IP6T`'s number are the same: linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h. */
const soOriginalDst = 80;
const solIp = 0;
const solIpv6 = 41;

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
  const value = Buffer.alloc(sockaddrIn6Bytes);
  const read = (fd: number, level: number): Destination | null => {
    const result: unknown = Reflect.apply(getsockopt, undefined, [fd, level, soOriginalDst, value, [sockaddrIn6Bytes]]);
    return result === 0 ? parseSockaddr(value) : null;
  };
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === null) return null;
    return isV4(socket.localAddress ?? '') ? read(fd, solIp) : read(fd, solIpv6);
  };
}

function isV4(address: string): boolean {
  return isIPv4(address) || address.startsWith('::ffff:');
}
