import type { Clock } from '#shared/runtime/clock.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';

/** How a copy ended. */
export type PipeEnd = Readonly<{
  reason:
    | 'finished'
    | 'downstreamClosed'
    | 'upstreamClosed'
    | 'downstreamReset'
    | 'upstreamReset'
    | 'idleTimeout'
    | 'stopped';
  /** Bytes that went up (from the downstream connection) and down. */
  bytesUp: number;
  bytesDown: number;
  error: Error | null;
}>;

/** What a copy is made with. */
export type PipeOptions = Readonly<{
  /** Without a byte either way for so long, both are closed; 0: never. */
  idleTimeoutMs: number;
  clock: Clock;
  /** Called once, when both connections are done with. */
  onEnd: (end: PipeEnd) => void;
}>;

/** Time for what is queued to leave, when nobody is there any more to take an answer. */
const lingerMs = 10_000;

/**
 * Copies bytes both ways between two connections until both ends were half-closed, or one breaks (then the other is closed too: by a
 * reset if it was reset). A slow receiver pauses its sender.
 */
export class Pipe {
  readonly #down: Connection;
  readonly #up: Connection;
  readonly #options: PipeOptions;
  readonly #downHalf: Half;
  readonly #upHalf: Half;
  #lastByteAt: number;
  #stopTimer: (() => void) | null = null;
  #isOver = false;

  constructor(downstream: Connection, upstream: Connection, options: PipeOptions) {
    this.#down = downstream;
    this.#up = upstream;
    this.#options = options;
    this.#lastByteAt = options.clock.monotonic();
    this.#downHalf = new Half(downstream, upstream, this);
    this.#upHalf = new Half(upstream, downstream, this);
  }

  /** Takes both connections over and begins. */
  start(): void {
    this.#down.setHandler(this.#downHalf);
    this.#up.setHandler(this.#upHalf);
    this.#armIdle(this.#options.idleTimeoutMs);
  }

  /** Closes both. */
  stop(): void {
    this.#end('stopped', null);
  }

  /** Bytes so far that went up (from the downstream connection). */
  get bytesUp(): number {
    return this.#downHalf.bytes;
  }

  /** ... and down. */
  get bytesDown(): number {
    return this.#upHalf.bytes;
  }

  /** A half moved bytes. */
  onBytes(): void {
    this.#lastByteAt = this.#options.clock.monotonic();
  }

  /** A half read its connection to the end. */
  onHalfEnd(): void {
    if (this.#downHalf.isEnded && this.#upHalf.isEnded) this.#finishIfFlushed();
  }

  /** A connection is gone. */
  onGone(connection: Connection, error: Error | null): void {
    if (this.#isOver) return this.#stopTimer?.();
    if (error === null && this.#downHalf.isEnded && this.#upHalf.isEnded) return this.#finishIfFlushed();
    const isDown = connection === this.#down;
    const isReset = error !== null;
    if (isDown) this.#end(isReset ? 'downstreamReset' : 'downstreamClosed', error);
    else this.#end(isReset ? 'upstreamReset' : 'upstreamClosed', error);
  }

  /** Both directions were ended: what is queued is flushed by the connections themselves, which then close. */
  #finishIfFlushed(): void {
    if (this.#down.isClosed && this.#up.isClosed) this.#tell('finished', null);
  }

  #end(reason: PipeEnd['reason'], error: Error | null): void {
    if (this.#isOver) return;
    this.#tell(reason, error);
    for (const connection of [this.#down, this.#up]) {
      if (connection.isClosed) continue;
      if (reason === 'downstreamReset' || reason === 'upstreamReset') connection.reset();
      // The other side closed in good order: what it sent before is still delivered.
      else if (reason === 'downstreamClosed' || reason === 'upstreamClosed') this.#linger(connection);
      else connection.destroy();
    }
  }

  /** Flushes and half-closes a connection whose other side is gone; whoever does not close in turn is cut off. */
  #linger(connection: Connection): void {
    connection.end();
    this.#stopTimer = this.#options.clock.after(lingerMs, () => connection.destroy());
  }

  #tell(reason: PipeEnd['reason'], error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer?.();
    this.#options.onEnd({
      reason,
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      error,
    });
  }

  /** One timer that looks when the last byte came, not one moved by each byte. */
  #armIdle(delayMs: number): void {
    const { idleTimeoutMs, clock } = this.#options;
    if (idleTimeoutMs === 0) return;
    this.#stopTimer = clock.after(delayMs, () => {
      const left = this.#lastByteAt + idleTimeoutMs - clock.monotonic();
      if (left <= 0) this.#end('idleTimeout', null);
      else this.#armIdle(left);
    });
  }
}

/** One direction: reads `from`, writes `to`. */
class Half implements ConnectionHandler {
  readonly #from: Connection;
  readonly #to: Connection;
  readonly #pipe: Pipe;
  bytes = 0;
  isEnded = false;

  constructor(from: Connection, to: Connection, pipe: Pipe) {
    this.#from = from;
    this.#to = to;
    this.#pipe = pipe;
  }

  onData(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.#pipe.onBytes();
    if (this.#to.isClosed) return;
    if (!this.#to.relay(bytes)) this.#from.pause();
  }

  /** `from` can be written to again: so `to`, whose bytes go there, may be read again. */
  onDrain(): void {
    this.#to.resume();
  }

  onEnd(): void {
    this.isEnded = true;
    if (!this.#to.isClosed) this.#to.end();
    this.#pipe.onHalfEnd();
  }

  onClose(error: Error | null): void {
    this.#pipe.onGone(this.#from, error);
  }
}
