/** New mTLS connections, several at a time, each with one request: handshakes as a server sees them. */
import { readFileSync } from 'node:fs';
import { connect, type ConnectionOptions } from 'node:tls';
import type { CertificateFiles } from '../certificates.ts';
import type { LoadResult } from './load-result.ts';

export type HandshakeLoad = Readonly<{
  port: number;
  certificates: CertificateFiles;
  seconds: number;
  resume: boolean;
}>;

const atATime = 8;

/** Makes connections for so many seconds. With `resume` each but the first goes on from a ticket of the one before. */
export async function runHandshakes(load: HandshakeLoad, signal: AbortSignal): Promise<LoadResult> {
  const { port, certificates, resume } = load;
  const options = clientOptions(port, certificates);
  const start = performance.now();
  const end = start + load.seconds * 1000;
  let count = 0;
  let full = 0;
  const one = async () => {
    let session: Buffer | undefined;
    while (performance.now() < end && !signal.aborted) {
      const made = await handshake({ ...options, session: resume ? session : undefined });
      session = made.session ?? session;
      count++;
      if (!made.isResumed) full++;
    }
  };
  await Promise.all(Array.from({ length: atATime }, one));
  const errors = resume && full > atATime ? `${full} of ${count} were not resumed` : '';
  return { count, seconds: (performance.now() - start) / 1000, latency: null, errors };
}

/** As the calling sidecar connects. */
export function clientOptions(port: number, { ca, a }: CertificateFiles): ConnectionOptions {
  return {
    host: '127.0.0.1',
    port,
    ca: readFileSync(ca),
    cert: readFileSync(a.certificate),
    key: readFileSync(a.key),
    // A workload's certificate has a SPIFFE ID and no host name.
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
  };
}

type Made = Readonly<{ session: Buffer | undefined; isResumed: boolean }>;

/** The answer shows that the server took the client's certificate; the ticket has come before it. */
function handshake(options: ConnectionOptions): Promise<Made> {
  return new Promise((done, fail) => {
    let session: Buffer | undefined;
    const socket = connect(options, () => socket.write('GET / HTTP/1.1\r\nhost: bench\r\n\r\n'));
    socket.on('session', (ticket: Buffer) => (session = ticket));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('closed without an answer')));
    socket.once('data', (answer: Buffer) => {
      const status = answer.toString('latin1', 9, 12);
      if (status === '200') done({ session, isResumed: socket.isSessionReused() });
      else fail(new Error(`answered ${status}`));
      socket.destroy();
    });
  });
}
