/** Lets work on one name run one after the other, and work on different names side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when all earlier work on `name` has ended. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const earlier = this.#last.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(name, promise);
    await earlier;
    try {
      return await work();
    } finally {
      resolve();
      if (this.#last.get(name) === promise) this.#last.delete(name);
    }
  }
}

/** Lets callers that ask for the same thing at the same time share one piece of work. */
export class SingleFlight<T> {
  readonly #flying = new Map<string, Promise<T>>();

  /** The result of the work on `name` that is under way, or of `work`, which then is. */
  join(name: string, work: () => Promise<T>): Promise<T> {
    const flying = this.#flying.get(name);
    if (flying !== undefined) return flying;
    const started = work().finally(() => this.#flying.delete(name));
    this.#flying.set(name, started);
    return started;
  }
}
