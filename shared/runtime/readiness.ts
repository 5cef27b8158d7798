/** Named gates before readiness: ready when every registered gate was opened. */
export class Readiness {
  readonly #waiting = new Set<string>();

  /** Registers a gate; readiness waits until the returned function is called. */
  gate(name: string): () => void {
    this.#waiting.add(name);
    return () => this.#waiting.delete(name);
  }

  /** Closes a gate again (for example while draining). */
  close(name: string): void {
    this.#waiting.add(name);
  }

  get isReady(): boolean {
    return this.#waiting.size === 0;
  }

  /** The names that are still awaited. */
  awaited(): readonly string[] {
    return [...this.#waiting];
  }
}
