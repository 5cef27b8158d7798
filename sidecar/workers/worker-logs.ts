import type { Clock } from '#shared/runtime/clock.ts';
import type { PathLog } from '../neighbours.ts';
import { openAccessLog, type AccessLogWriter } from '../telemetry/access-log-writer.ts';

/** The access logs of all workers: one writer for each destination, so that lines stay whole whatever it is. */
export class WorkerLogs {
  readonly #clock: Clock;
  readonly #logger: PathLog;
  readonly #writers = new Map<string, AccessLogWriter>();

  constructor(clock: Clock, logger: PathLog) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Writes whole lines, gathered by a worker already. */
  write(path: string, lines: string): void {
    const writer = this.#writers.get(path) ?? this.#open(path);
    writer.write(lines);
    writer.flush();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.close()));
  }

  #open(path: string): AccessLogWriter {
    const onError = (error: Error) =>
      this.#logger.error({ path, reason: error.message }, 'the access log cannot be written');
    const writer = openAccessLog(path, { clock: this.#clock, onError });
    this.#writers.set(path, writer);
    return writer;
  }
}
