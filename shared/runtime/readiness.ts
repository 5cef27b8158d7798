/** Named gates before readiness: ready when every registered gate was opened. */
export class Readiness {
  readonly #waiting = new Set<string>();
  readonly #listeners = new Set<() => void>();

  /** Registers a gate; readiness waits until the returned function is called. */
  gate(name: string): () => void {
    this.close(name);
    return () => {
      if (this.#waiting.delete(name)) this.#tell();
    };
  }

  /** Closes a gate again (for example while draining). */
  close(name: string): void {
    if (this.#waiting.has(name)) return;
    this.#waiting.add(name);
    this.#tell();
  }

  /** Calls `listener` after each change, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get isReady(): boolean {
    return this.#waiting.size === 0;
  }

  /** The names that are still awaited. */
  awaited(): readonly string[] {
    return [...this.#waiting];
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
