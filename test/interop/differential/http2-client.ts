/** A client that sends the requests of a row over one connection of HTTP/2, side by side. */
import type { Socket } from 'node:net';
import type { Pairs, StreamRecorder } from '../../../sidecar/http2/session.fixture.ts';
import { errorCode } from '../../../sidecar/http2/frames.ts';
import type { Send } from './case.ts';
import { field, readHead, readMessage, type Head } from './http-text.ts';
import { describeEnd, Http2Socket, isOver, toHttp2Fields, toMessages } from './http2-socket.ts';
import type { Received } from './raw-client.ts';

const limitMs = 8000;

/** Sends over a new connection; resolves when every stream has ended, or the connection has. */
export function exchangeHttp2(socket: Socket, send: Send, hangUp: Promise<void> | null): Promise<Received> {
  return new Promise((resolve) => {
    let streams: readonly StreamRecorder[] = [];
    let hasSentMore = false;
    const finish = (end: Received['end']) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(describe(streams, send, end));
    };
    const timer = setTimeout(() => finish('silent'), limitMs);
    const peer = new Http2Socket(socket, 'client', () => {
      const [first] = streams;
      if (first === undefined) return;
      if (send.afterInterim !== undefined && !hasSentMore && first.heads.length > 0) {
        hasSentMore = true;
        peer.data(first, Buffer.from(send.afterInterim, 'latin1'), send.untilText === undefined);
      }
      if (isDone(streams, send)) finish('open');
    });
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => peer.receive(chunk));
    socket.on('close', () => {
      peer.close();
      finish(isDone(streams, send) ? 'open' : 'closed');
    });
    streams = requestsOf(send).map((request) => sendRequest(peer, request));
    peer.flush();
    void hangUp?.then(() => {
      for (const { stream } of streams) peer.session.session.reset(stream, errorCode.cancel);
      peer.flush();
      finish('open');
    });
  });
}

function isDone(streams: readonly StreamRecorder[], { untilText }: Send): boolean {
  return streams.every((stream) => isOver(stream) || (untilText !== undefined && stream.body.includes(untilText)));
}

function describe(streams: readonly StreamRecorder[], { untilText }: Send, end: Received['end']): Received {
  const isTunnel = untilText !== undefined;
  const messages = streams.flatMap(toMessages);
  const ends = streams.map(describeEnd).filter((text) => text !== '');
  const tunnelled = isTunnel ? streams.map(({ body }) => body) : [];
  return {
    responses: isTunnel ? messages.map((message) => ({ ...message, body: Buffer.alloc(0) })) : messages,
    rest: [...tunnelled, ...ends].join(', '),
    end,
    failed: ends.length,
  };
}

type Request = Readonly<{ fields: Pairs; body: Buffer; trailers: Pairs; isWhole: boolean }>;

/** The requests that a row writes in HTTP/1.1, or its fields as they are. */
function requestsOf({ bytes, fields, afterInterim }: Send): Request[] {
  if (fields !== undefined) {
    return [{ fields, body: Buffer.from(bytes.toString(), 'latin1'), trailers: [], isWhole: true }];
  }
  const requests: Request[] = [];
  let rest = Buffer.from(bytes.toString('latin1'), 'latin1');
  while (rest.length > 0) {
    const found = readHead(rest);
    if (found === null) throw new Error(`no HTTP/1.1 request: ${rest.toString('latin1', 0, 80)}`);
    const whole = readMessage(rest, 'byHead', false);
    const isWhole = whole !== null && afterInterim === undefined;
    const body = whole?.body ?? rest.subarray(found.size);
    const trailers = toHttp2Fields(whole?.trailers ?? []);
    requests.push({ fields: fieldsOf(found.head), body: Buffer.from(body), trailers, isWhole });
    rest = whole === null ? Buffer.alloc(0) : rest.subarray(whole.size);
  }
  return requests;
}

/** An upgrade is an extended CONNECT (RFC 8441), and has no key. */
function fieldsOf(head: Head): Pairs {
  const [method = '', path = ''] = head.start.split(' ');
  const authority = field(head, 'host') ?? '';
  const upgrade = field(head, 'upgrade');
  const others = toHttp2Fields(head.fields).filter(([name]) => name !== 'sec-websocket-key');
  if (method === 'CONNECT') return [[':method', method], [':authority', authority], ...others];
  const start: Pairs = [
    [':method', upgrade === undefined ? method : 'CONNECT'],
    [':scheme', 'http'],
    [':path', path.replace(/ HTTP.*/, '')],
    [':authority', authority],
  ];
  return [...start, ...(upgrade === undefined ? [] : [[':protocol', upgrade] as const]), ...others];
}

function sendRequest(peer: Http2Socket, { fields, body, trailers, isWhole }: Request): StreamRecorder {
  const isEmpty = body.length === 0 && trailers.length === 0;
  const stream = peer.session.request(fields, isWhole && isEmpty);
  stream.stream.isBodyless = fields.some(([name, value]) => name === ':method' && value === 'HEAD');
  if (!isEmpty) peer.session.session.sendData(stream.stream, body, isWhole && trailers.length === 0);
  if (trailers.length > 0) peer.session.trailers(stream, trailers);
  return stream;
}
