import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock } from '#shared/runtime/clock.ts';

/** Lines wait at most so long, and at most so many characters of them are gathered, before they are written. */
const flushAfterMs = 50;
const flushCharacters = 64 * 1024;
/** Above this many bytes that the destination has not taken, lines are dropped and counted. */
const maxQueuedBytes = 4 * 1024 * 1024;

/** Options of an {@link AccessLogWriter}; the defaults are for production. */
export type AccessLogWriterOptions = Readonly<{
  clock: Clock;
  /** Told once when a write fails; later lines are dropped. */
  onError: (error: Error) => void;
  maxQueuedBytes?: number | undefined;
}>;

/**
 * Writes access log lines to one destination, gathered. It owns its stream, and never grows without bound: when the destination
 * does not keep up, lines are dropped and counted rather than kept.
 */
export class AccessLogWriter {
  readonly #clock: Clock;
  readonly #stream: Writable | null;
  readonly #ownsStream: boolean;
  readonly #maxQueued: number;
  #lines = '';
  #cancelTimer: (() => void) | null = null;
  #dropped = 0;
  #failed = false;

  constructor(stream: Writable | null, ownsStream: boolean, options: AccessLogWriterOptions) {
    this.#clock = options.clock;
    this.#stream = stream;
    this.#ownsStream = ownsStream;
    this.#maxQueued = options.maxQueuedBytes ?? maxQueuedBytes;
    stream?.on('error', (error: Error) => {
      if (!this.#failed) options.onError(error);
      this.#failed = true;
    });
  }

  /** Lines that were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes one line (with its line end). */
  write(line: string): void {
    const stream = this.#stream;
    if (stream === null) return;
    if (this.#failed || stream.writableLength + this.#lines.length > this.#maxQueued) {
      this.#dropped++;
      return;
    }
    this.#lines += line;
    if (this.#lines.length >= flushCharacters) this.flush();
    else this.#cancelTimer ??= this.#clock.after(flushAfterMs, () => this.flush());
  }

  /** Hands what was gathered to the destination. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#lines === '' || this.#stream === null) return;
    const lines = this.#lines;
    this.#lines = '';
    if (!this.#failed) this.#stream.write(lines);
  }

  /** Writes the rest and closes a file of its own; standard output and error stay open. */
  async close(): Promise<void> {
    this.flush();
    const stream = this.#stream;
    if (stream === null || this.#failed) return;
    await new Promise<void>((resolve) => {
      stream.once('error', () => resolve());
      if (this.#ownsStream) stream.end(() => resolve());
      else stream.write('', () => resolve());
    });
  }
}

/** Opens the destination of an access log: a file that is appended to, or one of the three well-known devices. */
export function openAccessLog(path: string, options: AccessLogWriterOptions): AccessLogWriter {
  switch (path) {
    case '/dev/null':
      return new AccessLogWriter(null, false, options);
    case '/dev/stdout':
      return new AccessLogWriter(descriptorStream(1), false, options);
    case '/dev/stderr':
      return new AccessLogWriter(descriptorStream(2), false, options);
    default:
      return new AccessLogWriter(createWriteStream(path, { flags: 'a' }), true, options);
  }
}

/** Not `process.stdout`: in a worker thread that goes through the main thread. */
function descriptorStream(fd: number): Writable {
  return createWriteStream('', { fd, autoClose: false });
}
