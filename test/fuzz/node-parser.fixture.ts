import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

/** A request as node:http understood it. */
export type SeenRequest = { method: string; url: string; body: string; isComplete: boolean };

/** What node:http's server makes of these octets on one connection: its requests in order, `ERROR` where it refused one. */
export async function parseWithNode(octets: string): Promise<SeenRequest[]> {
  const seen: SeenRequest[] = [];
  const server = createServer({ requireHostHeader: false, maxHeaderSize: 128 * 1024 }, (request, response) => {
    const entry = { method: request.method ?? '', url: request.url ?? '', body: '', isComplete: false };
    seen.push(entry);
    request.on('data', (chunk: Buffer) => (entry.body += chunk.toString('latin1')));
    request.on('end', () => (entry.isComplete = true));
    request.on('error', () => {});
    response.end();
  });
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  server.on('clientError', () => seen.push({ method: 'ERROR', url: '', body: '', isComplete: false }));
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  socket.on('error', () => {});
  server.emit('connection', socket);
  socket.push(Buffer.from(octets, 'latin1'));
  for (let i = 0; i < 4; i++) await turn();
  socket.destroy();
  return seen;
}
