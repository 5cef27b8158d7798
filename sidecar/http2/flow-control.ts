/** Shortest round trip that is reckoned with, in milliseconds: times on one machine are below what a turn of the loop takes. */
const minRoundTripMs = 1;

/**
 * The window that we give a peer, of a stream or a connection (RFC 9113 6.9). It opens again only by what the consumer took, in
 * steps of half its size; and grows, doubling up to its bound, while a peer fills half of it within two round trips and the
 * consumer keeps up: then the window, and not the peer, is what holds the transfer up.
 */
export class ReceiveWindow {
  #sizeBytes: number;
  readonly #maxBytes: number;
  /** What the peer may still send. */
  #available: number;
  /** What was taken and is not yet announced. */
  #released = 0;
  #lastUpdate: number;

  constructor(sizeBytes: number, maxBytes: number, now: number) {
    this.#sizeBytes = sizeBytes;
    this.#maxBytes = maxBytes;
    this.#available = sizeBytes;
    this.#lastUpdate = now;
  }

  /** Its size when nothing is under way. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The peer sent this much (payload with padding). False: more than it may. */
  receive(bytes: number): boolean {
    this.#available -= bytes;
    return this.#available >= 0;
  }

  /** The consumer took this much. Returns the increment to announce now, or 0. Times in milliseconds. */
  release(bytes: number, now: number, roundTripMs: number): number {
    this.#released += bytes;
    if (this.#released * 2 < this.#sizeBytes) return 0;
    let increment = this.#released;
    if (this.#sizeBytes < this.#maxBytes && now - this.#lastUpdate <= 2 * Math.max(roundTripMs, minRoundTripMs)) {
      const growth = Math.min(this.#sizeBytes, this.#maxBytes - this.#sizeBytes);
      this.#sizeBytes += growth;
      increment += growth;
    }
    this.#released = 0;
    this.#available += increment;
    this.#lastUpdate = now;
    return increment;
  }
}
