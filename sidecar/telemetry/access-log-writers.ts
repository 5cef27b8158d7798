import type { Clock } from '#shared/runtime/clock.ts';
import type { AccessLogWriter, openAccessLog } from './access-log-writer.ts';

/** What the writers of one thread are opened with, and where it is told that one cannot write. */
export type AccessLogWritersOptions = Readonly<{
  open: typeof openAccessLog;
  clock: Clock;
  logger: Readonly<{ error: (facts: object, message: string) => void }>;
}>;

/** One writer for each destination, so that lines stay whole whatever it is. Owns them. */
export class AccessLogWriters {
  readonly #options: AccessLogWritersOptions;
  readonly #writers = new Map<string, AccessLogWriter>();

  constructor(options: AccessLogWritersOptions) {
    this.#options = options;
  }

  /** The writer of a destination, opened if it is new. */
  writer(path: string): AccessLogWriter {
    const known = this.#writers.get(path);
    if (known !== undefined) return known;
    const { open, clock, logger } = this.#options;
    const onError = (error: Error) => logger.error({ path, reason: error.message }, 'the access log cannot be written');
    const writer = open(path, { clock, onError });
    this.#writers.set(path, writer);
    return writer;
  }

  /** Writes the rest, and closes all. */
  async close(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.close()));
  }
}
