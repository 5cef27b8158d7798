/**
 * What runs beside a sidecar in the tests of capture: `node capture-app.ts FOLDER`. On all addresses of both versions of IP:
 *
 *   8080, 8081 HTTP, 8443 HTTPS with the certificate of the folder: what was asked, and who asks, as JSON
 *   9000, 9002 TCP whose server speaks first: `hello ADDRESS`, then what it gets
 *   9001       UDP: the address of the sender, and what it sent
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';
const plain = (address: string | undefined) => (address ?? '').replace(/^::ffff:/, '');

const answer: RequestListener = (request, response) => {
  const { url, headers, socket } = request;
  response.end(
    JSON.stringify({ url, from: plain(socket.remoteAddress), caller: headers['x-forwarded-client-cert'] ?? '' }),
  );
};
const secure = { key: readFileSync(join(folder, 'app.key')), cert: readFileSync(join(folder, 'app.pem')) };
for (const port of [8080, 8081]) createHttpServer(answer).listen(port, '::');
createHttpsServer(secure, answer).listen(8443, '::');
for (const port of [9000, 9002]) {
  createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`hello ${plain(socket.remoteAddress)}\n`);
    socket.pipe(socket);
  }).listen(port, '::');
}
const udp = createSocket({ type: 'udp6', ipv6Only: false });
udp.on('message', (message, { address, port }) => udp.send(`${plain(address)} ${message.toString()}`, port, address));
udp.bind(9001, '::');
