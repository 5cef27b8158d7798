/** Servers off the data path (`node:http`): the admin port, readiness, the status port. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { descriptorOf } from './descriptor.ts';
import type { ListeningSockets } from './listening-sockets.ts';

/**
 * A server that listens. `stop`: accepts no more, idle connections are closed, answers under way go out. `close`: ends what
 * is left at once. Both resolve when no connection is left.
 */
export type RunningServer = Readonly<{
  host: string;
  port: number;
  stop: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** Listens on what a predecessor handed over for the address, else anew. */
export function listenHttp(
  server: Server,
  { name, host, port }: HostPort & Readonly<{ name: string }>,
  sockets: ListeningSockets,
): Promise<RunningServer> {
  const socket = { name, address: host, port };
  const fd = sockets.take(socket);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new MeshError('io', `${name} cannot listen on ${host}:${port}`, { cause })));
    server.listen(fd === null ? { port, host } : { fd }, () => {
      const { port: bound } = server.address() as AddressInfo;
      const own = descriptorOf(server);
      const release = own === null ? () => {} : sockets.hold({ ...socket, fd: own });
      const closed = new Promise<void>((done) => server.once('close', done));
      const stop = () => {
        release();
        if (server.listening) server.close();
        return closed;
      };
      const close = () => {
        const stopped = stop();
        server.closeAllConnections();
        return stopped;
      };
      resolve({ host, port: bound, stop, close });
    });
  });
}
