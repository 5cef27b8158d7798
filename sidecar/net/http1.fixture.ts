import { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type {
  AbortCause,
  BadRequest,
  RequestSink,
  ResponseSink,
  ServerConnectionHandler,
  ServerStream,
} from './http-stream.ts';

export function aRequest(changes: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    path: '/',
    authority: 'a',
    scheme: 'http',
    version: 'HTTP/1.1',
    headers: new HeaderMap(),
    upgrade: null,
    contentLength: 0,
    expectsContinue: false,
    isAbsoluteForm: false,
    ...changes,
  };
}

export function aResponse(changes: Partial<ResponseHead> = {}): ResponseHead {
  return {
    status: 200,
    reason: '',
    version: 'HTTP/1.1',
    headers: new HeaderMap(),
    contentLength: 0,
    upgrade: null,
    ...changes,
  };
}

/** One exchange of a server connection as a test sees it: what came, and the stream to answer on. */
export class RecordedRequest implements RequestSink {
  body = '';
  hasEnded: boolean;
  trailers: [string, string][] = [];
  aborted: AbortCause | null = null;
  writable = 0;
  sent = 0;
  readonly stream: ServerStream;
  readonly head: RequestHead;
  onBytes: ((text: string, end: boolean) => void) | null = null;

  constructor(stream: ServerStream, head: RequestHead, end: boolean) {
    this.stream = stream;
    this.head = head;
    this.hasEnded = end;
  }

  onData(bytes: Buffer, end: boolean): void {
    this.body += bytes.toString('latin1');
    this.hasEnded = end;
    this.onBytes?.(bytes.toString('latin1'), end);
  }

  onTrailers(trailers: HeaderMap): void {
    this.trailers = trailers.entries();
    this.hasEnded = true;
  }

  onWritable(): void {
    this.writable++;
  }

  onAbort(cause: AbortCause): void {
    this.aborted = cause;
  }

  onSent(): void {
    this.sent++;
  }

  /** Answers with a body of known length. */
  answer(body = '', status = 200): void {
    this.stream.sendHead(aResponse({ status, contentLength: body.length }), body === '');
    if (body !== '') this.stream.sendData(Buffer.from(body, 'latin1'), true);
  }
}

/** Keeps the requests of a server connection; bad ones are answered at once. */
export class RequestRecorder implements ServerConnectionHandler {
  readonly requests: RecordedRequest[] = [];
  readonly bad: BadRequest[] = [];
  readonly malformed: BadRequest[] = [];
  closed = 0;
  /** Called within `onRequest`. */
  onEach: ((request: RecordedRequest) => void) | null = null;

  get last(): RecordedRequest {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error('no request came');
    return last;
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): RequestSink {
    const request = new RecordedRequest(stream, head, end);
    this.requests.push(request);
    this.onEach?.(request);
    return request;
  }

  onBadRequest(stream: ServerStream, bad: BadRequest): void {
    this.bad.push(bad);
    stream.sendHead(aResponse({ status: bad.status }), true);
  }

  onMalformed(_stream: ServerStream, bad: BadRequest): void {
    this.malformed.push(bad);
  }

  onClose(): void {
    this.closed++;
  }
}

/** What came of one attempt. */
export class RecordedResponse implements ResponseSink {
  informational: number[] = [];
  head: ResponseHead | null = null;
  body = '';
  hasEnded = false;
  trailers: [string, string][] = [];
  trailerMap: HeaderMap | null = null;
  aborted: AbortCause | null = null;
  writable = 0;
  onEnd: (() => void) | null = null;

  onInformational(head: ResponseHead): void {
    this.informational.push(head.status);
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.head = head;
    this.hasEnded = end;
    if (end) this.onEnd?.();
  }

  onData(bytes: Buffer, end: boolean): void {
    this.body += bytes.toString('latin1');
    this.hasEnded = end;
    if (end) this.onEnd?.();
  }

  onTrailers(trailers: HeaderMap): void {
    this.trailers = trailers.entries();
    this.trailerMap = trailers;
    this.hasEnded = true;
    this.onEnd?.();
  }

  onWritable(): void {
    this.writable++;
  }

  onAbort(cause: AbortCause): void {
    this.aborted = cause;
  }
}
