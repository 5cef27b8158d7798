import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { threadId } from 'node:worker_threads';
import { DirectConnection } from './direct-handle.ts';
import { handleOf, loadStreamWrap } from './stream-handle.ts';
import type { Connection, ConnectionHandler, TlsFacts } from './transport.ts';

const timeoutMs = 2000;
/**
 * More than fits into a socket's buffers or a record of TLS: writes wait, and reads come in parts. Made anew: a constant would be held
 * by every worker thread.
 */
const aPayload = () => Buffer.alloc(240_000, 'the direct transport tests itself; ');

/**
 * Whether the direct transport works in this process: the Node version is the tested one, its private interface has the known shape,
 * and an echo through it comes back whole and ends, in plaintext and under TLS. Null, or why not. Nothing listens on a network for
 * it: on Linux the sockets have a name in the abstract namespace, elsewhere they are on loopback.
 */
export async function probeDirect(): Promise<string | null> {
  const missing = loadStreamWrap();
  if (missing !== null) return missing;
  try {
    await echo(createServer({ allowHalfOpen: true }), 'connection', (socket) => ({
      socket,
      isReady: true,
      facts: null,
    }));
    await echo(createTlsServer({ ...psk, pskCallback: () => key }), 'secureConnection', (socket) => ({
      socket: connectTls({
        ...psk,
        socket,
        pskCallback: () => ({ psk: key, identity: 'probe' }),
        checkServerIdentity: ignore,
      }),
      isReady: false,
      facts: noFacts,
    }));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A key that both sides have: no certificate needs to be made. */
const key = Buffer.alloc(32, 7);
const psk: TlsOptions = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' };
const noFacts: TlsFacts = {
  alpn: '',
  serverName: '',
  version: '',
  cipher: '',
  peerUriSans: [],
  peerDnsSans: [],
  peerSubject: '',
  peerCertificateSha256: '',
  localUriSan: '',
};

type Client = Readonly<{ socket: Socket; isReady: boolean; facts: TlsFacts | null }>;

async function echo(server: Server, accepted: string, secure: (socket: Socket) => Client): Promise<void> {
  const address =
    process.platform === 'linux'
      ? { path: `\0tulle-probe-${process.pid}-${threadId}-${Date.now()}` }
      : { port: 0, host: '127.0.0.1' };
  const open: Socket[] = [];
  try {
    server.listen(address);
    await once(server, 'listening');
    const bound = server.address();
    const raw = connect(typeof bound === 'object' && bound !== null ? { ...bound, host: '127.0.0.1' } : address);
    open.push(raw);
    const arrival = once(server, accepted, { signal: AbortSignal.timeout(timeoutMs) });
    const { socket, isReady, facts } = secure(raw);
    open.push(socket);
    if (!isReady) await once(socket, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) });
    const [served] = (await arrival) as [Socket];
    open.push(served);
    const back = direct(served, facts);
    back.setHandler(new Echo(back));
    await sendAndCompare(direct(socket, facts));
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
}

function direct(socket: Socket, facts: TlsFacts | null): Connection {
  const handle = handleOf(socket);
  if (handle === null) throw new Error('the handle of a socket has another shape');
  return new DirectConnection(socket, handle, facts, {});
}

/** Sends everything back, and ends when the other side does. */
class Echo implements ConnectionHandler {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  onData(bytes: Buffer): void {
    if (!this.#connection.write(Buffer.from(bytes))) this.#connection.pause();
  }
  onDrain(): void {
    this.#connection.resume();
  }
  onEnd(): void {
    this.#connection.end();
  }
  onClose(): void {
    // The other side tells.
  }
}

async function sendAndCompare(connection: Connection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error('the echo did not end in time')), timeoutMs);
  const payload = aPayload();
  let received = 0;
  let isSame = true;
  connection.setHandler({
    onData(bytes) {
      isSame &&= bytes.equals(payload.subarray(received, received + bytes.length));
      received += bytes.length;
    },
    onDrain: ignore,
    onEnd: () =>
      isSame && received === payload.length ? resolve() : reject(new Error('the echo came back different')),
    onClose: (error) => reject(error ?? new Error('the connection closed before the echo was whole')),
  });
  connection.write(payload.subarray(0, 100));
  connection.write(payload.subarray(100));
  connection.end();
  await promise.finally(() => clearTimeout(timer));
}

function ignore(): undefined {
  return undefined;
}
