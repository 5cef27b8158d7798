import { Buffer } from 'node:buffer';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock } from '#shared/runtime/clock.ts';
import type { FormatLine } from './access-log.ts';
import type { AccessRecord } from './access-record.ts';
import { LogLines } from './log-lines.ts';

/** Lines wait at most so long, and at most so many octets of them are gathered, before they are written. */
const flushAfterMs = 50;
const flushBytes = 64 * 1024;
/** Room for the line with which it is time to write. */
const memoryBytes = flushBytes + 4 * 1024;
/** Pieces of memory that wait to be used again. */
const maxIdle = 2;
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
  #lines: LogLines | null = null;
  /** Memory whose lines were written. */
  readonly #idle: Buffer[] = [];
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

  /** Takes the line of one exchange. */
  log(record: AccessRecord, format: FormatLine): void {
    const lines = this.#begin();
    if (lines === null) return;
    format(record, lines);
    this.#end(lines);
  }

  /** Takes whole lines as they are. */
  write(bytes: Uint8Array): void {
    const lines = this.#begin();
    if (lines === null) return;
    lines.raw(bytes);
    this.#end(lines);
  }

  /** Where the next line goes; null: it is dropped. */
  #begin(): LogLines | null {
    const stream = this.#stream;
    if (stream === null) return null;
    const lines = (this.#lines ??= new LogLines(this.#takeMemory()));
    if (!this.#failed && stream.writableLength + lines.length <= this.#maxQueued) return lines;
    this.#dropped++;
    return null;
  }

  #end(lines: LogLines): void {
    if (lines.length >= flushBytes) this.flush();
    else this.#cancelTimer ??= this.#clock.after(flushAfterMs, () => this.flush());
  }

  /** Hands what was gathered to the destination. */
  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const lines = this.#lines;
    if (lines === null || lines.length === 0 || this.#stream === null) return;
    const { bytes } = lines;
    lines.restart(this.#takeMemory());
    if (!this.#failed) this.#stream.write(bytes, () => this.#giveMemory(bytes));
  }

  #takeMemory(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(memoryBytes);
  }

  #giveMemory({ buffer }: Buffer): void {
    if (buffer.byteLength === memoryBytes && this.#idle.length < maxIdle) this.#idle.push(Buffer.from(buffer));
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
