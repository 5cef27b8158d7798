import type { Http2Options } from './options.ts';
import { faults, type Http2Fault } from './protocol-error.ts';

/** Frames on closed streams that are borne with: this, and twice the streams that there were. */
const freeStrayFrames = 100;

/** WINDOW_UPDATEs that are free (Envoy). */
const freeWindowUpdates = 5;

/**
 * Counts what a peer can do without end and at our cost, as Envoy does: each method takes one such event, and returns the fault
 * once it was one too many. One a connection.
 */
export class FloodGuard {
  readonly #options: Http2Options;
  #streams = 0;
  #closedStreams = 0;
  #prematureResets = 0;
  #emptyFrames = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #dataFramesSent = 0;
  #strayFrames = 0;

  constructor(options: Http2Options) {
    this.#options = options;
  }

  streamOpened(): void {
    this.#streams++;
  }

  dataSent(): void {
    this.#dataFramesSent++;
  }

  /** Any HEADERS, CONTINUATION or DATA. `isEmpty`: without payload and END_STREAM. */
  frame(isEmpty: boolean): Http2Fault | null {
    this.#emptyFrames = isEmpty ? this.#emptyFrames + 1 : 0;
    return this.#emptyFrames > this.#options.maxConsecutiveEmptyFrames ? faults.emptyFrames : null;
  }

  priority(): Http2Fault | null {
    this.#priorities++;
    const allowed = this.#options.maxPriorityFramesPerStream * (1 + this.#streams);
    return this.#priorities > allowed ? faults.priorityFlood : null;
  }

  windowUpdate(): Http2Fault | null {
    this.#windowUpdates++;
    const perData = this.#options.maxWindowUpdatesPerDataFrame * this.#dataFramesSent;
    return this.#windowUpdates > freeWindowUpdates + 2 * (this.#streams + perData) ? faults.windowUpdateFlood : null;
  }

  /** A frame on a stream that is closed, and is ignored. */
  stray(): Http2Fault | null {
    this.#strayFrames++;
    return this.#strayFrames > freeStrayFrames + 2 * this.#streams ? faults.strayFrames : null;
  }

  streamClosed(): void {
    this.#closedStreams++;
  }

  /**
   * The peer reset a stream before it was done, or made us do so by breaking a rule: rapid reset (CVE-2023-44487, CVE-2025-8671).
   * `ageMs` of the stream.
   */
  streamReset(ageMs: number): Http2Fault | null {
    this.#closedStreams++;
    if (ageMs >= this.#options.prematureResetMs) return null;
    this.#prematureResets++;
    const streams = Math.max(this.#closedStreams, this.#options.prematureResetStreams);
    return this.#prematureResets * 2 >= streams ? faults.rapidReset : null;
  }
}

/**
 * How many frames wait for the peer to read them. A frame is where its octets end in the output; counted in two heaps, of which
 * the older is forgotten when all of it was taken: never too low, and at most twice what waits.
 */
export class OutboundCount {
  #older = 0;
  #olderControl = 0;
  #olderEnd = 0;
  #newer = 0;
  #newerControl = 0;

  get frames(): number {
    return this.#older + this.#newer;
  }

  get controlFrames(): number {
    return this.#olderControl + this.#newerControl;
  }

  add(isControl: boolean): void {
    this.#newer++;
    if (isControl) this.#newerControl++;
  }

  /** `producedBytes` were given out so far, `takenBytes` of them were taken by the operating system. */
  settle(producedBytes: number, takenBytes: number): void {
    if (takenBytes < this.#olderEnd) return;
    this.#older = this.#newer;
    this.#olderControl = this.#newerControl;
    this.#olderEnd = producedBytes;
    this.#newer = 0;
    this.#newerControl = 0;
  }
}
