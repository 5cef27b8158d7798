import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, exitCodes } from '../command-error.ts';

const pollMs = 500;

/** Waits for things of a cluster, all within one time. */
export class Deadline {
  readonly #endMs: number;
  readonly #text: string;

  /** `text`: the time as the user gave it. */
  constructor(ms: number, text: string) {
    this.#endMs = Date.now() + ms;
    this.#text = text;
  }

  /** Until `isSo`; a timeout says `what` did not come true, and what `explain` has to say about it. */
  async until(what: string, isSo: () => Promise<boolean>, explain?: () => Promise<string>): Promise<void> {
    while (!(await isSo())) {
      if (Date.now() >= this.#endMs) {
        const why = explain === undefined ? '' : await explain();
        throw new CommandError(
          exitCodes.timeout,
          `gave up after ${this.#text} waiting until ${what}${why === '' ? '' : `: ${why}`}`,
          '`meshctl check` says what is wrong; give it more time by --timeout, then run the same command again',
        );
      }
      await sleep(pollMs);
    }
  }
}
