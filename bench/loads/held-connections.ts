/** Connections that are open and do nothing. */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { CertificateFiles } from '../certificates.ts';
import { clientOptions } from './handshakes.ts';

/** Opens so many, fifty at a time, each after one request so that all of it is set up; `close` ends them. */
export async function holdConnections(
  count: number,
  port: number,
  tls: CertificateFiles | null,
): Promise<Readonly<{ close: () => void }>> {
  const options = tls === null ? null : clientOptions(port, tls);
  const open = () =>
    opened(() => (options === null ? connectTcp({ host: '127.0.0.1', port }) : connectTls(options)), tls !== null);
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(50, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, open))));
  }
  return { close: () => sockets.forEach((socket) => socket.destroy()) };
}

function opened(connect: () => Socket, isTls: boolean): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect();
    socket.once(isTls ? 'secureConnect' : 'connect', () => socket.write('GET / HTTP/1.1\r\nhost: bench\r\n\r\n'));
    socket.once('data', () => done(socket));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('closed without an answer')));
  });
}
