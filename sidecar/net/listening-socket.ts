/**
 * Listening TCP sockets that outlive who accepts on them. Node closes a listening socket with its server, and the kernel then resets
 * the connections that wait in its queue (110 of 100,000 were lost that way). Here the socket is opened in libc and stays with its
 * holder; a server listens on a duplicate of the descriptor, so that the queue waits for the next server, thread or process.
 *
 *   SocketCalls.load() -> open(address, port) -> ListeningSocket -> duplicate() -> TcpListener.listen({ fd })
 *
 * Linux on x64 and arm64, whose numbers stand below (asm-generic/socket.h, fcntl.h).
 */
import { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { afInet, afInet6, parseSockaddr, sockaddrIn6Bytes, sockaddrInBytes } from './sockaddr.ts';

/** Where and how to listen. */
export type ListeningSocketOptions = Readonly<{
  /** An IPv4 or IPv6 address; `::` takes IPv4 as well, as libuv does. */
  address: string;
  /** 0: any free one. */
  port: number;
  /**
   * Others of this user may listen there too, and the kernel spreads connections over all (SO_REUSEPORT). `first`: they may from now
   * on, but nobody does yet, not even one that would share (EADDRINUSE).
   */
  reusePort: boolean | 'first';
  /** Connections that may wait; the kernel bounds it by net.core.somaxconn. */
  backlog: number;
  /** It takes connections to addresses that are not of this host (TPROXY); needs CAP_NET_ADMIN. Absent: it does not. */
  transparent?: boolean;
}>;

/** In whose name a connection is made: from an address that need not be of this host, with a mark for rules and routes. */
export type NamedSource = Readonly<{ address: string; mark: number }>;

/** A listening socket; its holder closes it. */
export type ListeningSocket = Readonly<{
  fd: number;
  address: string;
  port: number;
  /** Another descriptor of the same socket, with the same queue. It belongs to the caller. Throws a MeshError `resource_exhausted` or `io`. */
  duplicate: () => number;
  /** Stops listening unless a duplicate is still open. To be called once: the number is given to others after that. */
  close: () => void;
}>;

const sockStream = 1;
const sockCloexec = 0o2_000_000;
const sockNonblock = 0o4_000;
const solSocket = 1;
const soReuseAddr = 2;
const soReusePort = 15;
const ipprotoIpv6 = 41;
const ipv6V6only = 26;
const ipv6Transparent = 75;
const ipprotoIp = 0;
const ipTransparent = 19;
const ipBindAddressNoPort = 24;
const soMark = 36;
const fSetfd = 2;
const fDupfdCloexec = 1030;
const fdCloexec = 1;

type Call = (...values: unknown[]) => number;

/** The calls into libc. */
export class SocketCalls {
  readonly #errno: () => number;
  readonly #socket: Call;
  readonly #setsockopt: Call;
  readonly #inetPton: Call;
  readonly #bind: Call;
  readonly #listen: Call;
  readonly #getsockname: Call;
  readonly #fcntl: Call;
  readonly #close: Call;

  private constructor(bindCall: (declaration: string) => Call, errno: () => number) {
    this.#errno = errno;
    this.#socket = bindCall('int socket(int family, int type, int protocol)');
    this.#setsockopt = bindCall('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)');
    this.#inetPton = bindCall('int inet_pton(int family, const char *text, _Out_ void *bytes)');
    this.#bind = bindCall('int bind(int fd, const void *address, uint32_t length)');
    this.#listen = bindCall('int listen(int fd, int backlog)');
    this.#getsockname = bindCall('int getsockname(int fd, _Out_ void *address, _Inout_ uint32_t *length)');
    this.#fcntl = bindCall('int fcntl(int fd, int command, ...)');
    this.#close = bindCall('int close(int fd)');
  }

  /** Loads them; null on a system whose numbers are not known here. The native module takes 7 MB: only who needs it loads it. */
  static async load(): Promise<SocketCalls | null> {
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return null;
    const { default: koffi } = await import('koffi');
    // The symbols of this process: the same names for glibc and musl.
    const library = koffi.load(null);
    const bindCall = (declaration: string): Call => {
      const call: unknown = library.func(declaration);
      if (typeof call !== 'function') throw new TypeError(`no ${declaration}`);
      return (...values) => {
        const result: unknown = Reflect.apply(call, undefined, values);
        return typeof result === 'number' ? result : -1;
      };
    };
    return new SocketCalls(bindCall, () => koffi.errno());
  }

  /**
   * Opens a socket and listens on it. Throws a MeshError `permission` or `io`, whose cause has the system's `code` (EADDRINUSE, EACCES,
   * EADDRNOTAVAIL ...), or `unsupported` for what is no address.
   */
  open(options: ListeningSocketOptions): ListeningSocket {
    const { address, port, reusePort, backlog, transparent = false } = options;
    const family = familyOf(address, 'cannot listen on');
    const how = transparent ? 'cannot listen transparently (CAP_NET_ADMIN) on' : 'cannot listen on';
    const where = `${how} ${family === afInet6 ? `[${address}]` : address}:${port}`;
    const fd = this.#check('socket', where, this.#socket(family, sockStream | sockCloexec | sockNonblock, 0));
    try {
      this.#set(fd, [solSocket, soReuseAddr, 1], where);
      if (reusePort === true) this.#set(fd, [solSocket, soReusePort, 1], where);
      if (family === afInet6) this.#set(fd, [ipprotoIpv6, ipv6V6only, 0], where);
      // Set after the bind, it would not hold for the bind.
      if (transparent) this.#setTransparent(fd, family, where);
      const sockaddr = this.#encode(family, address, port);
      this.#check('bind', where, this.#bind(fd, sockaddr, sockaddr.length));
      // Set after the bind, it was not there to make an exception from who may bind.
      if (reusePort === 'first') this.#set(fd, [solSocket, soReusePort, 1], where);
      this.#check('listen', where, this.#listen(fd, backlog));
      return this.#holding(fd);
    } catch (error) {
      this.#close(fd);
      throw error;
    }
  }

  /**
   * Opens a socket for a connection in the name of another: bound to that address, with the port left to the kernel. The descriptor
   * belongs to the caller. Throws as `open` does; it needs CAP_NET_ADMIN.
   */
  openInNameOf({ address, mark }: NamedSource): number {
    const family = familyOf(address, 'cannot connect from');
    const where = `cannot connect in the name of ${address} (CAP_NET_ADMIN)`;
    const fd = this.#check('socket', where, this.#socket(family, sockStream | sockCloexec | sockNonblock, 0));
    try {
      this.#setTransparent(fd, family, where);
      this.#set(fd, [solSocket, soMark, mark], where);
      this.#set(fd, [ipprotoIp, ipBindAddressNoPort, 1], where);
      const sockaddr = this.#encode(family, address, 0);
      this.#check('bind', where, this.#bind(fd, sockaddr, sockaddr.length));
      return fd;
    } catch (error) {
      this.#close(fd);
      throw error;
    }
  }

  #setTransparent(fd: number, family: number, where: string): void {
    this.#set(fd, family === afInet6 ? [ipprotoIpv6, ipv6Transparent, 1] : [ipprotoIp, ipTransparent, 1], where);
  }

  /** Takes over a listening socket of another process by its descriptor, which is then not inherited further. */
  adopt(fd: number): ListeningSocket {
    this.#check('fcntl', `cannot take over the descriptor ${fd}`, this.#fcntl(fd, fSetfd, 'int', fdCloexec));
    return this.#holding(fd);
  }

  #holding(fd: number): ListeningSocket {
    const bytes = Buffer.alloc(sockaddrIn6Bytes);
    this.#check('getsockname', `the descriptor ${fd}`, this.#getsockname(fd, bytes, [bytes.length]));
    const bound = parseSockaddr(bytes);
    if (bound === null) throw new MeshError('unsupported', `the descriptor ${fd} is no socket of IPv4 or IPv6`);
    const { address, port } = bound;
    return {
      fd,
      address,
      port,
      duplicate: () =>
        this.#check(
          'fcntl',
          `cannot duplicate the socket of ${address}:${port}`,
          this.#fcntl(fd, fDupfdCloexec, 'int', 0),
        ),
      close: () => void this.#close(fd),
    };
  }

  #encode(family: number, address: string, port: number): Buffer {
    const bytes = Buffer.alloc(family === afInet ? sockaddrInBytes : sockaddrIn6Bytes);
    bytes.writeUInt16LE(family, 0);
    bytes.writeUInt16BE(port, 2);
    // IPv6 has its flow label before the address.
    if (this.#inetPton(family, address, bytes.subarray(family === afInet ? 4 : 8)) !== 1)
      throw new MeshError('unsupported', `cannot listen on ${address}: it is not an address`);
    return bytes;
  }

  #set(fd: number, [level, name, value]: readonly [number, number, number], where: string): void {
    this.#check('setsockopt', where, this.#setsockopt(fd, level, name, [value], 4));
  }

  #check(call: string, what: string, result: number): number {
    if (result >= 0) return result;
    // Before anything else runs that may change it.
    const errno = this.#errno();
    const code = getSystemErrorName(-errno);
    const cause = Object.assign(new Error(`${call} ${code}`), { code, syscall: call, errno: -errno });
    throw new MeshError(toMeshCode(code), what, { cause });
  }
}

function familyOf(address: string, what: string): number {
  const family = { 4: afInet, 6: afInet6 }[isIP(address)];
  if (family !== undefined && !address.includes('%')) return family;
  throw new MeshError('unsupported', `${what} ${address}: it is not an IPv4 or IPv6 address without a zone`);
}

function toMeshCode(code: string): 'permission' | 'resource_exhausted' | 'io' {
  if (code === 'EACCES' || code === 'EPERM') return 'permission';
  return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOBUFS' || code === 'ENOMEM'
    ? 'resource_exhausted'
    : 'io';
}
