/** A WebSocket server by hand (RFC 6455), for short messages: what it hears it says again. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const close = 8;

/** Greets with `welcome`, echoes each message, and answers a close. */
export function aWebSocketServer(): Server {
  const server = createServer((_, response) => response.writeHead(426).end());
  server.on('upgrade', (request, socket: Duplex) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}${guid}`)
      .digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
    socket.write(frame(1, Buffer.from('welcome')));
    let seen: Buffer = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('data', (bytes: Buffer) => {
      seen = Buffer.concat([seen, bytes]);
      for (let one = readFrame(seen); one !== null; one = readFrame(seen)) {
        seen = seen.subarray(one.length);
        socket.write(frame(one.opcode, one.payload));
        if (one.opcode === close) socket.end();
      }
    });
  });
  return server;
}

/** A text of less than 126 octets as clients send it: masked, here with a mask of nothing. */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

/** A whole message, unmasked, as servers send it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = length < 126 ? [length] : [126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload]);
}

/** The first frame of a client, whose payload is masked; null if it is not whole yet. */
function readFrame(bytes: Buffer): Readonly<{ opcode: number; payload: Buffer; length: number }> | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] ?? 0) & 127;
  const at = short === 126 ? 4 : 2;
  if (bytes.length < at) return null;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  const length = at + 4 + size;
  if (bytes.length < length) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, length).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return { opcode: (bytes[0] ?? 0) & 15, payload, length };
}
