import { OpenStreams } from './open-streams.ts';
import type { Http2Stream } from './stream.ts';

/** How many closed streams are remembered. */
const maxRemembered = 128;

/** What is known of a stream that is not open. */
export type ClosedState =
  /** Not opened yet. */
  | 'idle'
  /** We reset it: what the peer sent before it knew is ignored. */
  | 'reset'
  /** Both sides ended it, or the peer reset it. */
  | 'closed'
  /** Skipped by its opener, or closed too long ago to tell. */
  | 'unknown';

/** The streams of a connection: the open ones, and a bounded memory of the closed. */
export class StreamTable {
  readonly open = new OpenStreams();
  /** Highest id that the peer opened, and that it will be told to have been processed. */
  lastPeerId = 0;
  /** Next id of ours. */
  nextLocalId: number;
  openByPeer = 0;
  openByUs = 0;
  readonly #isServer: boolean;
  /** Ring of `2 * id + (1 if we reset it)`; made when the first stream closes. */
  #closed: number[] | null = null;
  #closedCount = 0;

  constructor(isServer: boolean) {
    this.#isServer = isServer;
    this.nextLocalId = isServer ? 2 : 1;
  }

  /** Whether the peer is the one to open a stream of this id. */
  isOfPeer(id: number): boolean {
    return (id % 2 === 1) === this.#isServer;
  }

  add(stream: Http2Stream): void {
    this.open.add(stream);
    if (this.isOfPeer(stream.id)) {
      this.openByPeer++;
      this.lastPeerId = stream.id;
    } else {
      this.openByUs++;
      this.nextLocalId = stream.id + 2;
    }
  }

  /** Gives a stream of ours the next id: others, with higher ids than its own, may have been sent before it (RFC 9113 5.1.1). */
  renumber(stream: Http2Stream): void {
    this.open.delete(stream.id);
    stream.id = this.nextLocalId;
    this.nextLocalId += 2;
    this.open.add(stream);
  }

  /** `wasReset`: by us. */
  remove(stream: Http2Stream, wasReset: boolean): void {
    if (!this.open.delete(stream.id)) return;
    if (this.isOfPeer(stream.id)) this.openByPeer--;
    else this.openByUs--;
    this.remember(stream.id, wasReset);
  }

  /** Also of a stream that was refused before it was opened. */
  remember(id: number, wasReset: boolean): void {
    this.#closed ??= [];
    this.#closed[this.#closedCount++ % maxRemembered] = 2 * id + (wasReset ? 1 : 0);
  }

  stateOf(id: number): ClosedState {
    const isIdle = this.isOfPeer(id) ? id > this.lastPeerId : id >= this.nextLocalId;
    if (isIdle) return 'idle';
    if (this.#closed === null) return 'unknown';
    if (this.#closed.includes(2 * id + 1)) return 'reset';
    return this.#closed.includes(2 * id) ? 'closed' : 'unknown';
  }

  /** Whether it may be that a stream was forgotten. */
  get hasForgotten(): boolean {
    return this.#closedCount > maxRemembered;
  }
}
