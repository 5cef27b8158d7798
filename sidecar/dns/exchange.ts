/** One question to one server, over a socket of its own: its port is as hard to guess as its id. The shell of `forwarder.ts`. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '#shared/runtime/clock.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { MessageStream, frame } from './message-stream.ts';

/** What is asked, of whom, and how. */
export type Exchange = Readonly<{
  server: HostPort;
  transport: 'udp' | 'tcp';
  message: Buffer;
  timeoutMs: number;
  /** Whether a message is the answer: others are waited past. */
  isAnswer: (message: Buffer) => boolean;
  /** Told the own port, until the returned function is called. */
  onPort: (port: number) => () => void;
}>;

/** Asks one server. Throws `timeout`, or `unavailable` when it cannot be asked. */
export type Ask = (exchange: Exchange) => Promise<Buffer>;

/** Asks over real sockets. */
export function askOverSockets(clock: Clock): Ask {
  return (exchange) => (exchange.transport === 'udp' ? overUdp(exchange, clock) : overTcp(exchange, clock));
}

/** What ends an exchange: an answer, a failure, or its time. */
function settle(
  { server, timeoutMs }: Exchange,
  clock: Clock,
  start: (done: (answer: Buffer) => void, failed: (cause: Error) => void) => () => void,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const failed = (cause: Error) => reject(new MeshError('unavailable', `${server.host} cannot be asked`, { cause }));
  const stop = start(resolve, failed);
  const cancel = clock.after(timeoutMs, () =>
    reject(new MeshError('timeout', `${server.host} did not answer within ${timeoutMs} ms`)),
  );
  return promise.finally(() => {
    cancel();
    stop();
  });
}

function overUdp(exchange: Exchange, clock: Clock): Promise<Buffer> {
  const { server, message, isAnswer, onPort } = exchange;
  return settle(exchange, clock, (done, failed) => {
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    let release = () => {};
    let isOpen = true;
    socket.on('error', failed);
    socket.on('message', (answer) => {
      if (isAnswer(answer)) done(answer);
    });
    // Connected: the kernel takes only what comes from there, and tells when nobody listens.
    socket.on('connect', () => {
      if (!isOpen) return;
      release = onPort(socket.address().port);
      socket.send(message);
    });
    socket.connect(server.port, server.host);
    return () => {
      isOpen = false;
      release();
      socket.close();
    };
  });
}

function overTcp(exchange: Exchange, clock: Clock): Promise<Buffer> {
  const { server, message, isAnswer, onPort } = exchange;
  return settle(exchange, clock, (done, failed) => {
    const socket = connect({ host: server.host, port: server.port });
    let release = () => {};
    const stream = new MessageStream((answer) => {
      if (isAnswer(answer)) done(answer);
    });
    socket.on('error', failed);
    socket.on('close', () => failed(new Error('the connection was closed')));
    socket.on('data', (bytes: Buffer) => stream.push(bytes));
    socket.on('connect', () => {
      release = onPort(socket.localPort ?? 0);
      socket.write(frame(message));
    });
    return () => {
      release();
      socket.destroy();
    };
  });
}
