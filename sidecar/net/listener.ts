import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { descriptorOf } from './descriptor.ts';

/** Where and how to listen. */
export type ListenOptions = Readonly<{
  address: string;
  /** 0: any free one. */
  port: number;
  /** Several worker threads listen on the same port, and the kernel spreads connections over them (SO_REUSEPORT). */
  reusePort: boolean;
  /**
   * The descriptor of a socket that listens already (`ListeningSocket.duplicate`, or one inherited); the listener owns it from now on
   * and closes it when it stops. Address, port and `reusePort` are then the socket's. Null: a socket of the listener's own.
   */
  fd: number | null;
  backlog: number;
  /** Connections at once; more are closed as they come. 0: without limit. */
  maxConnections: number;
}>;

/** Which socket, for an address. */
export type ListenPlace = Pick<ListenOptions, 'port' | 'reusePort' | 'fd'>;

/** Who takes the connections. */
export interface ListenHandler {
  /** A connection, paused: nothing was read of it. */
  onSocket(socket: Socket): void;
  /** The system could not accept one (no file descriptors left), or it was one too many. The listener goes on. */
  onRefused(error: MeshError): void;
}

/** A listening socket. It owns the accepted sockets only so far as `close` destroys what is left of them. */
export class TcpListener {
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    const bound = server.address();
    const { address, port } = isAddress(bound) ? bound : { address: '', port: 0 };
    this.#server = server;
    this.#sockets = sockets;
    this.address = address;
    this.port = port;
  }

  /** Listens; throws a MeshError `permission` or `io` when it cannot. */
  static async listen(options: ListenOptions, handler: ListenHandler): Promise<TcpListener> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      handler.onSocket(socket);
    });
    if (options.maxConnections > 0) server.maxConnections = options.maxConnections;
    await bind(server, options);
    server.on('error', (error) => handler.onRefused(acceptError(error)));
    server.on('drop', () =>
      handler.onRefused(new MeshError('resource_exhausted', `more than ${options.maxConnections} connections`)),
    );
    return new TcpListener(server, sockets);
  }

  /** The descriptor that it listens on; null once it is stopped. */
  get fd(): number | null {
    return descriptorOf(this.#server);
  }

  /** Accepted connections that are still open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Accepts no more; what is open goes on. */
  stop(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Accepts no more and destroys what is open. */
  close(): void {
    this.stop();
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function bind(server: Server, { address, port, reusePort, backlog, fd }: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error) => reject(listenError(error, `${address}:${port}`));
  const onListening = () => {
    server.removeListener('error', onError);
    resolve();
  };
  server.once('error', onError);
  // With a descriptor Node takes the backlog as an argument only, and would set its own default.
  if (fd === null) server.listen({ host: address, port, reusePort, backlog }, onListening);
  else server.listen({ fd }, backlog, onListening);
  await promise;
}

function isAddress(bound: AddressInfo | string | null): bound is AddressInfo {
  return typeof bound === 'object' && bound !== null;
}

function listenError(error: Error, name: string): MeshError {
  const code = Reflect.get(error, 'code') === 'EACCES' ? 'permission' : 'io';
  return new MeshError(code, `cannot listen on ${name}`, { cause: error });
}

/**
 * Out of file descriptors libuv closes the connection that waits (with a descriptor it keeps for that), so that the loop does not
 * spin on a socket that stays readable.
 */
function acceptError(error: Error): MeshError {
  const code: unknown = Reflect.get(error, 'code');
  const isExhausted = code === 'EMFILE' || code === 'ENFILE' || code === 'ENOBUFS' || code === 'ENOMEM';
  return new MeshError(isExhausted ? 'resource_exhausted' : 'io', 'cannot accept a connection', { cause: error });
}
