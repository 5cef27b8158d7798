import { connect } from 'node:net';
import { MeshError } from '#shared/runtime/mesh-error.ts';

/** Where to. */
export type TcpQuestion = Readonly<{
  host: string;
  port: number;
  localAddress?: string | undefined;
  timeoutMs: number;
}>;

/** Connects and hangs up; throws when there is no connection in time. */
export function askTcp({ host, port, localAddress, timeoutMs }: TcpQuestion): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    socket.setTimeout(timeoutMs, () => socket.destroy(new MeshError('timeout', `no connection in ${timeoutMs} ms`)));
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}
