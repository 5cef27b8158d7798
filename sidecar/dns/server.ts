/** The sockets of the DNS proxy: UDP and TCP at one address of the loopback. They hold no rules: `resolver.ts` has those. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { datagramDescriptorOf, descriptorOf } from '../net/descriptor.ts';
import type { ListeningSockets } from '../net/listening-sockets.ts';
import { frame, MessageStream } from './message-stream.ts';

/** Answers a message; null: nothing is said. */
export type Respond = (message: Buffer, transport: 'udp' | 'tcp', fromPort: number) => Promise<Buffer | null>;

/** A server that listens. `stop`: ends when nothing is under way. `close`: ends at once. Both resolve when it has ended. */
export type BoundServer = Readonly<{ address: HostPort; stop: () => Promise<void>; close: () => Promise<void> }>;

const maxConnections = 128;
const idleMs = 10_000;
/** Answers that a client does not read. */
const maxUnreadBytes = 256 * 1024;

/** Listens for datagrams, on what a predecessor handed over for the address, else anew. */
export async function listenUdp(place: HostPort, respond: Respond, sockets: ListeningSockets): Promise<BoundServer> {
  const { host, port } = place;
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host) });
  // TCP has the same number: the account of sockets tells them apart by this.
  const account = { name: 'dns over udp', address: `udp/${host}`, port };
  const fd = sockets.take(account);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => reject(cannotListen(place, cause)));
    socket.once('listening', () => resolve());
    socket.bind(fd === null ? { address: host, port } : { fd });
  });
  // An answer that cannot be sent (its client is gone) is nobody's loss.
  socket.removeAllListeners('error').on('error', () => undefined);
  const own = datagramDescriptorOf(socket);
  return new Datagrams(socket, respond, own === null ? () => undefined : sockets.hold({ ...account, fd: own })).bound(
    host,
  );
}

class Datagrams {
  readonly #socket: UdpSocket;
  readonly #release: () => void;
  readonly #closed = Promise.withResolvers<void>();
  #underWay = 0;
  #isStopping = false;
  #isOpen = true;

  constructor(socket: UdpSocket, respond: Respond, release: () => void) {
    this.#socket = socket;
    this.#release = release;
    socket.on('close', () => this.#closed.resolve());
    socket.on('message', (message, from) => {
      this.#underWay++;
      void respond(message, 'udp', from.port).then((answer) => {
        this.#underWay--;
        if (answer !== null && this.#isOpen) socket.send(answer, from.port, from.address);
        if (this.#isStopping && this.#underWay === 0) void this.#end();
      });
    });
  }

  bound(host: string): BoundServer {
    return {
      address: { host, port: this.#socket.address().port },
      stop: () => {
        this.#isStopping = true;
        return this.#underWay === 0 ? this.#end() : this.#closed.promise;
      },
      close: () => this.#end(),
    };
  }

  /** What was sent before is out; a successor has the same socket, and what waits in it. */
  #end(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#release();
      this.#socket.close();
    }
    return this.#closed.promise;
  }
}

/** Listens for connections, on what a predecessor handed over for the address, else anew. */
export async function listenTcp(place: HostPort, respond: Respond, sockets: ListeningSockets): Promise<BoundServer> {
  const { host, port } = place;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    serve(socket, respond);
  });
  server.maxConnections = maxConnections;
  const account = { name: 'dns over tcp', address: host, port };
  const fd = sockets.take(account);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(place, cause)));
    server.listen(fd === null ? { host, port, ipv6Only: isIPv6(host) } : { fd }, () => resolve());
  });
  const own = descriptorOf(server);
  const release = own === null ? () => undefined : sockets.hold({ ...account, fd: own });
  return boundTcp(server, { host, port: (server.address() as AddressInfo).port }, { open, release });
}

function boundTcp(
  server: Server,
  address: HostPort,
  { open, release }: Readonly<{ open: ReadonlySet<Socket>; release: () => void }>,
): BoundServer {
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const stop = () => {
    release();
    if (server.listening) server.close();
    return closed;
  };
  const close = () => {
    const ended = stop();
    for (const socket of open) socket.destroy();
    return ended;
  };
  return { address, stop, close };
}

/** One connection: its questions may come before the answers to earlier ones, and are answered as answers come (RFC 7766). */
function serve(socket: Socket, respond: Respond): void {
  let underWay = 0;
  let hasEnded = false;
  const endIfDone = () => {
    if (hasEnded && underWay === 0) socket.end();
  };
  const stream = new MessageStream((message) => {
    underWay++;
    void respond(message, 'tcp', socket.remotePort ?? 0).then((answer) => {
      underWay--;
      // What is no query ends the connection: nothing good can follow it.
      if (answer === null || socket.writableLength > maxUnreadBytes) socket.destroy();
      else if (socket.writable) socket.write(frame(answer));
      endIfDone();
    });
  });
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => stream.push(bytes));
  socket.on('end', () => {
    hasEnded = true;
    endIfDone();
  });
}

function cannotListen({ host, port }: HostPort, cause: Error): MeshError {
  return new MeshError('io', `the DNS proxy cannot listen on ${host}:${port}`, { cause });
}
