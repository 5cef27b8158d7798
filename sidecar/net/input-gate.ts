import type { Connection } from '../transport/transport.ts';

/** Stops and resumes the reading of a connection for two reasons: someone asked for it, or what comes is not due yet. */
export class InputGate {
  readonly #connection: Connection;
  #isPaused = false;
  #isBlocked = false;
  #isReading = true;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#update();
  }

  /** Puts bytes back that cannot be used yet: nothing is read before `unblock`, then these first, on a later turn. */
  putBack(bytes: Buffer): void {
    this.#isBlocked = true;
    this.#update();
    this.#connection.unread(bytes);
  }

  unblock(): void {
    this.#isBlocked = false;
    this.#update();
  }

  #update(): void {
    const shouldRead = !this.#isBlocked && !this.#isPaused;
    if (shouldRead === this.#isReading) return;
    this.#isReading = shouldRead;
    if (shouldRead) this.#connection.resume();
    else this.#connection.pause();
  }
}
