import type { EventStore, ReadAllOptions, SubscriptionItem } from './event-store.ts';

/** Wakes those who wait for the log to grow. One per store; the store rings it after each commit. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait. */
  ring(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  /** Resolves at the next ring, after `pollMs`, or when the signal aborts. */
  async wait(pollMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, pollMs);
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** What following a log needs: pages to read, something that rings, and how often to look for other processes' events. */
export type TailSource = Readonly<{
  store: Pick<EventStore, 'readAll' | 'start'>;
  bell: Bell;
  pollMs: number;
}>;

const pageSize = 200;

/** Follows a log page by page. `caughtUp` comes each time the end was reached after the position had moved. */
export async function* tailLog(
  source: TailSource,
  options: ReadAllOptions & Readonly<{ signal: AbortSignal }>,
): AsyncGenerator<SubscriptionItem> {
  const { signal, prefixes, limit = pageSize } = options;
  let after = options.after ?? source.store.start;
  let told: string | undefined;
  while (!signal.aborted) {
    const page = await source.store.readAll({ after, prefixes, limit });
    after = page.scannedTo;
    if (page.events.length > 0) yield { kind: 'events', events: page.events, position: after };
    if (page.events.length >= limit) continue;
    if (told !== after) {
      told = after;
      yield { kind: 'caughtUp', position: after };
      continue;
    }
    await source.bell.wait(source.pollMs, signal);
  }
}
