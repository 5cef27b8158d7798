import type { FieldSection } from './field-section.ts';
import type { Http2Fault } from './protocol-error.ts';
import type { Http2Stream } from './stream.ts';

/** What a session asks of, and tells, its owner: the connection, to which its output goes. None of these may throw. */
export interface SessionHandler {
  /** Takes bytes that stay as they are. False: no more DATA until `Session.onDrain`. */
  write(bytes: Buffer): boolean;
  /** The same for bytes that are only valid during the call. */
  relay(bytes: Buffer): boolean;
  /** Octets that the operating system took of all that was written. */
  readonly bytesTaken: number;
  /** There is output, or held input to give out: `flush` is wanted at the end of this turn. May come again before that. */
  onOutput(): void;
  /** As a server: a request came. Its stream gets its `events` before this returns. */
  onRequest(stream: Http2Stream, section: FieldSection, end: boolean): void;
  /** As a server: a request with this fault came; true: it is answered on the stream (which has its `events` then), false: reset it. */
  onBadRequest(stream: Http2Stream, section: FieldSection, fault: Http2Fault): boolean;
  /** A stream closed, or the peer's limit changed. */
  onCapacity(): void;
  /** The peer says goodbye: no new streams, those above the last one have failed as refused. */
  onGoaway(code: number): void;
  /** The session is over, after the peer broke a rule or was too slow: GOAWAY is in the output, every stream has failed. */
  onFatal(fault: Http2Fault): void;
}
