import { aged, flagBits, type Layout, lifetimeOf } from './message.ts';
import type { Query } from './query.ts';

type Kept = Readonly<{ message: Buffer; layout: Layout; keptAtMs: number; untilMs: number }>;

/** Longer than this nothing is believed, whatever its owner says. */
const maxLifetimeSeconds = 3600;
/** And nothing is kept that is larger. */
const maxMessageBytes = 4096;

/**
 * Answers of the resolvers, for as long as they say, denials too (RFC 2308). Bounded; what was not used for longest goes first. Times
 * are handed in, in milliseconds of a clock that never goes back.
 */
export class AnswerCache {
  readonly #entries = new Map<string, Kept>();
  readonly #maxEntries: number;

  constructor(maxEntries = 1024) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is kept for a query, with the lifetimes that are left; null when there is nothing (any more). Its id is another's. */
  get(query: Query, nowMs: number): Buffer | null {
    const key = questionKey(query);
    const kept = key === null ? undefined : this.#entries.get(key);
    if (key === null || kept === undefined) return null;
    this.#entries.delete(key);
    if (nowMs >= kept.untilMs) return null;
    this.#entries.set(key, kept);
    return aged(kept.message, kept.layout, Math.floor((nowMs - kept.keptAtMs) / 1000));
  }

  /** Keeps an answer, if it may be kept. */
  put(query: Query, answer: Readonly<{ message: Buffer; layout: Layout }>, nowMs: number): void {
    const { message, layout } = answer;
    const key = questionKey(query);
    const seconds = Math.min(lifetimeOf(message, layout, query.type) ?? 0, maxLifetimeSeconds);
    if (key === null || seconds <= 0 || message.length > maxMessageBytes) return;
    this.#entries.delete(key);
    this.#entries.set(key, { message, layout, keptAtMs: nowMs, untilMs: nowMs + seconds * 1000 });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** All that an answer may depend on; null for queries with options that only their server understands. */
export function questionKey({ name, type, class: klass, flags, edns }: Query): string | null {
  if (name === null || edns?.hasOptions === true) return null;
  const asked = flags & (flagBits.recursionDesired | flagBits.checkingDisabled);
  return `${asked} ${edns === null ? '' : edns.wantsDnssec} ${type} ${klass} ${name}`;
}
