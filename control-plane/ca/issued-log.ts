/** One certificate that was issued. */
export type IssuedRecord = Readonly<{
  /** Lower-case hex. */
  serial: string;
  spiffeId: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
}>;

/** A ring of the last records, so that an authority that runs for years stays the same size. */
export class IssuedLog {
  readonly #size: number;
  readonly #records: IssuedRecord[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a record; the oldest makes room. */
  add(record: IssuedRecord): void {
    if (this.#size === 0) return;
    this.#records[this.#next] = record;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** Oldest first. */
  records(): readonly IssuedRecord[] {
    const isFull = this.#records.length === this.#size;
    return isFull ? [...this.#records.slice(this.#next), ...this.#records.slice(0, this.#next)] : [...this.#records];
  }
}
