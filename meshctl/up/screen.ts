/** Standard output of `meshctl up`: lines that stay, and under them one that lives (on a terminal) or is said now and then. */
export type ScreenOptions = Readonly<{
  write: (text: string) => void;
  /** Whether a line can be written over. */
  isTerminal: boolean;
  /** Width of the terminal. */
  columns: () => number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}>;

const sayEveryMs = 5000;
const clearLine = '\r\u001B[2K';

export class Screen {
  readonly #options: ScreenOptions;
  #status = '';
  #saidAtMs = -Infinity;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** A line that stays. */
  line(text = ''): void {
    const { write, isTerminal } = this.#options;
    if (!isTerminal) write(`${text}\n`);
    else write(`${this.#status === '' ? '' : clearLine}${text}\n${this.#fitted()}`);
  }

  /** The line that lives. */
  status(text: string): void {
    const { write, isTerminal, now } = this.#options;
    this.#status = text;
    if (isTerminal) {
      write(`${clearLine}${this.#fitted()}`);
      return;
    }
    if (now() - this.#saidAtMs < sayEveryMs) return;
    this.#saidAtMs = now();
    write(`${text}\n`);
  }

  /** No more of the line that lives; what it said last stays. */
  endStatus(): void {
    if (this.#options.isTerminal && this.#status !== '') this.#options.write('\n');
    this.#status = '';
  }

  /** A line that wraps cannot be written over. */
  #fitted(): string {
    const width = Math.max(this.#options.columns() - 1, 20);
    return this.#status.length > width ? `${this.#status.slice(0, width - 1)}…` : this.#status;
  }
}
