/** A peer that speaks HTTP/2 on a socket, for both ends of the table: fields as they are, nothing checked of what is sent. */
import type { Socket } from 'node:net';
import { TestSession, type Pairs, type StreamRecorder } from '../../../sidecar/http2/session.fixture.ts';
import { errorName } from '../../../sidecar/http2/frames.ts';
import type { FieldSection } from '../../../sidecar/http2/field-section.ts';
import type { Fields, Message } from './http-text.ts';

export type OnStream = (stream: StreamRecorder, section: FieldSection) => void;

export class Http2Socket {
  readonly session: TestSession;
  readonly #socket: Socket;
  readonly #afterEvents: () => void;

  /** `afterEvents` is called when something has come. */
  constructor(socket: Socket, role: 'client' | 'server', afterEvents: () => void, onStream: OnStream | null = null) {
    this.#socket = socket;
    this.#afterEvents = afterEvents;
    this.session = new TestSession(role, { maxFields: 1000, maxHeaderListBytes: 1 << 20, prematureResetMs: 0 });
    this.session.onStream = onStream;
    this.flush();
  }

  receive(chunk: Buffer): void {
    this.session.receive(chunk);
    this.#afterEvents();
    this.flush();
  }

  /** The connection is gone. */
  close(): void {
    this.session.session.close();
    this.#afterEvents();
  }

  /** Sends all that windows allow. */
  flush(): void {
    for (let bytes = this.session.take(); bytes.length > 0; bytes = this.session.take()) {
      if (!this.#socket.destroyed) this.#socket.write(bytes);
    }
  }

  data({ stream }: StreamRecorder, bytes: Buffer, end: boolean): void {
    this.session.session.sendData(stream, bytes, end);
    this.flush();
  }
}

/** Fields of HTTP/1.1 as HTTP/2 has them: in small letters, and without those of a connection, which the frames stand for. */
export function toHttp2Fields(fields: Fields): Pairs {
  return fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !ofConnection.has(name));
}

const ofConnection = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host']);

/** Whether nothing more comes. */
export function isOver({ hasEnded, failure }: StreamRecorder): boolean {
  return hasEnded || failure !== null;
}

/** What came of a response, written as in HTTP/1.1: the statuses stand where they do there. */
export function toMessages({ heads, body, trailers }: StreamRecorder): Message[] {
  return heads.map((head, index) => {
    const [[, status] = ['', ''], ...fields] = head;
    const isLast = index === heads.length - 1;
    return {
      head: { start: `HTTP/2.0 ${status}`, fields },
      body: Buffer.from(isLast ? body : '', 'latin1'),
      trailers: isLast ? (trailers ?? []) : [],
      size: 0,
    };
  });
}

/** How a stream ended before its time, in words that do not depend on who noticed. */
export function describeEnd({ failure }: StreamRecorder): string {
  if (failure === null) return '';
  if (failure.kind === 'fault') return `malformed: ${failure.fault.reason}`;
  return failure.kind === 'reset' ? `RST_STREAM ${errorName(failure.code)}` : failure.kind;
}
