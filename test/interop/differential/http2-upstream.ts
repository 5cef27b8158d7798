/** The HTTP/2 face of the upstream: what a row answers in HTTP/1.1 goes out as frames. */
import type { Socket } from 'node:net';
import type { StreamRecorder } from '../../../sidecar/http2/session.fixture.ts';
import { errorCode } from '../../../sidecar/http2/frames.ts';
import { readHead, readMessage } from './http-text.ts';
import { Http2Socket, isOver, toHttp2Fields } from './http2-socket.ts';
import type { Answer } from './case.ts';
import type { Arrival } from './scripted-upstream.ts';

/** What a connection of HTTP/2 needs of the upstream. */
export type Http2Script = Readonly<{
  /** A request came: what is to be answered, and whether before it is whole. */
  arrive: (arrival: Arrival) => Readonly<{ answer: Answer; isEarly: boolean }>;
  /** Holds back what `answer` says to; else calls at once, or later. */
  schedule: (answer: Answer, send: () => void) => void;
}>;

type Open = Readonly<{ recorder: StreamRecorder; arrival: Arrival; answer: Answer; isEarly: boolean }>;

export const clientPreface = 'PRI * HTTP/2.0';

/** Takes over a socket whose first bytes are a preface; gives it what came. */
export function serveHttp2(host: string, socket: Socket, script: Http2Script): (chunk: Buffer) => void {
  const open = new Set<Open>();
  const answered = new Set<Open>();
  const peer = new Http2Socket(
    socket,
    'server',
    () => {
      for (const one of open) {
        update(one);
        if (one.answer.kind === 'echo') {
          echo(peer, one);
        } else if (!answered.has(one) && (one.isEarly || one.arrival.isWhole)) {
          answered.add(one);
          give(peer, socket, one, script);
        }
        if (isOver(one.recorder)) open.delete(one);
      }
    },
    (recorder, { method, protocol }) => {
      const [, scheme, authority, path, ...fields] = recorder.heads[0] ?? [];
      const named = [scheme, authority, ...(protocol === '' ? [] : [[':protocol', protocol] as const]), ...fields];
      const arrival: Arrival = {
        host,
        start: `${method} ${path?.[1] ?? ''} HTTP/2`,
        fields: named.filter((pair) => pair !== undefined),
        body: Buffer.alloc(0),
        trailers: [],
        isWhole: false,
      };
      recorder.stream.isTunnel = protocol !== '';
      open.add({ recorder, arrival, ...script.arrive(arrival) });
    },
  );
  socket.on('close', () => peer.close());
  return (chunk) => peer.receive(chunk);
}

function update({ recorder, arrival, answer }: Open): void {
  if (answer.kind === 'echo') return;
  arrival.body = Buffer.from(recorder.body, 'latin1');
  arrival.trailers = recorder.trailers ?? [];
  arrival.isWhole = recorder.hasEnded;
}

/** An upgrade that was taken: a 200, the first bytes, and then everything back. */
function echo(peer: Http2Socket, { recorder, answer }: Open): void {
  if (answer.kind !== 'echo') return;
  const bytes = Buffer.from(answer.bytes, 'latin1');
  const found = readHead(bytes);
  if (recorder.sent === 0 && found !== null) {
    recorder.sent = 1;
    peer.session.head(recorder, [[':status', '200'], ...toHttp2Fields(found.head.fields)], false);
    peer.data(recorder, bytes.subarray(found.size), false);
  }
  if (recorder.body === '') return;
  peer.data(recorder, Buffer.from(recorder.body, 'latin1'), false);
  recorder.body = '';
}

function give(peer: Http2Socket, socket: Socket, { recorder, answer }: Open, { schedule }: Http2Script): void {
  const { session } = peer.session;
  switch (answer.kind) {
    case 'silence':
    case 'echo':
      return;
    case 'close':
      socket.end();
      return;
    case 'reset':
      session.reset(recorder.stream, errorCode.internalError);
      peer.flush();
      return;
    case 'raw':
      schedule(answer, () => {
        if (socket.destroyed || recorder.failure !== null) return;
        sendText(peer, recorder, answer.bytes);
        if (answer.ending === 'close') socket.end();
        if (answer.ending !== 'reset') return;
        setTimeout(() => {
          session.reset(recorder.stream, errorCode.internalError);
          peer.flush();
        }, 50);
      });
  }
}

/** One answer, with the 1xx before it. A body that is shorter than its length leaves the stream open. */
function sendText(peer: Http2Socket, recorder: StreamRecorder, text: string | Buffer): void {
  let bytes = Buffer.from(text.toString('latin1'), 'latin1');
  for (let found = readHead(bytes); found !== null; found = readHead(bytes)) {
    const status = found.head.start.slice(9, 12);
    const fields = [[':status', status] as const, ...toHttp2Fields(found.head.fields)];
    if (Number(status) < 200) {
      peer.session.head(recorder, fields, false);
      bytes = bytes.subarray(found.size);
      continue;
    }
    const isBodyless = status === '204' || status === '304' || recorder.heads[0]?.[0]?.[1] === 'HEAD';
    const message = readMessage(bytes, isBodyless ? 'none' : 'untilClose', true);
    const body = message?.body ?? bytes.subarray(found.size);
    const trailers = toHttp2Fields(message?.trailers ?? []);
    const isEnd = message !== null && trailers.length === 0;
    peer.session.head(recorder, fields, isEnd && body.length === 0);
    if (body.length > 0) peer.session.session.sendData(recorder.stream, Buffer.from(body), isEnd);
    if (trailers.length > 0) peer.session.trailers(recorder, trailers);
    break;
  }
  peer.flush();
}
