import { isDeepStrictEqual } from 'node:util';

type Entry = { inputs: readonly unknown[]; value: unknown; usedIn: number };

/** Generations after which a value that nobody asked for is forgotten. */
const keptGenerations = 16;

/**
 * Remembers what was built from what, across proxies and generations, so that an unchanged resource stays the SAME
 * object: encoders and versions go by identity. A value is rebuilt only when one of its inputs is another object; if the
 * rebuilt value is equal to the old one, the old one is kept.
 *
 * The only mutable thing of this folder. It is a cache and nothing else: with an empty one every result is the same.
 */
export class Memo {
  readonly #entries = new Map<string, Entry>();
  #generation = 0;

  /** The value of a key, built anew only if its inputs changed. One key must always be used with one type. */
  get<T>(key: string, inputs: readonly unknown[], build: () => T): T {
    const entry = this.#entries.get(key);
    if (entry !== undefined && sameInputs(entry.inputs, inputs)) {
      entry.usedIn = this.#generation;
      return entry.value as T; // the type belongs to the key
    }
    const built = build();
    const value = entry !== undefined && isDeepStrictEqual(entry.value, built) ? (entry.value as T) : built;
    this.#entries.set(key, { inputs, value, usedIn: this.#generation });
    return value;
  }

  /** The value of a key, or the one that it had before when both are equal: for what is cheap to build anew. */
  intern<T>(key: string, value: T): T {
    return this.get(key, [value], () => value);
  }

  /** Begins a generation, and forgets what has not been used for long. */
  advance(generation: number): void {
    this.#generation = generation;
    for (const [key, entry] of this.#entries) {
      if (generation - entry.usedIn > keptGenerations) {
        this.#entries.delete(key);
      }
    }
  }
}

function sameInputs(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((input, i) => input === b[i]);
}
