/**
 * The one primitive that joins modules: a current immutable value, the latest wins.
 * A subscriber is called with every later value, synchronously, in the order of subscription; it reads the value that is
 * already there by `current()`.
 */
export interface Watch<T> {
  current(): T;
  /** Calls `listener` on each change until the returned function is called. */
  subscribe(listener: (value: T) => void): () => void;
}

/** The writing end of a {@link Watch}. */
export class WatchSource<T> implements Watch<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  current(): T {
    return this.#value;
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Replaces the value and tells the subscribers; the same value again tells nobody. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of this.#listeners) listener(value);
  }
}
