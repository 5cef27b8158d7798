import type { Http2Stream } from './stream.ts';

const firstRoom = 8;

/**
 * The open streams of a connection by their id: open addressing with linear probing, at most half full.
 *
 * Not a `Map`, which V8 copies after every so many removals: the copy that was left keeps its entries and points to its successor, so
 * that once one is in the old generation all that ever was in later ones lives on until the next full collection. With 16 streams on
 * a connection that made a third of all garbage survive.
 */
export class OpenStreams {
  size = 0;
  #places: (Http2Stream | null)[] = emptyPlaces(firstRoom);

  get(id: number): Http2Stream | undefined {
    const places = this.#places;
    const mask = places.length - 1;
    for (let at = placeOf(id, mask); ; at = (at + 1) & mask) {
      const stream = places[at] ?? null;
      if (stream === null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** Its id must be new. */
  add(stream: Http2Stream): void {
    if (++this.size * 2 > this.#places.length) this.#resize(this.#places.length * 2);
    this.#put(stream);
  }

  /** False if there is no such stream. */
  delete(id: number): boolean {
    const places = this.#places;
    const mask = places.length - 1;
    let hole = placeOf(id, mask);
    for (let stream = places[hole] ?? null; stream?.id !== id; stream = places[hole] ?? null) {
      if (stream === null) return false;
      hole = (hole + 1) & mask;
    }
    // What was pushed behind this place by probing moves up, so that no search ends too early.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const stream = places[at] ?? null;
      if (stream === null) break;
      const fromHome = (at - placeOf(stream.id, mask)) & mask;
      if (fromHome < ((at - hole) & mask)) continue;
      places[hole] = stream;
      hole = at;
    }
    places[hole] = null;
    if (--this.size === 0 && places.length > firstRoom * 32) this.#places = emptyPlaces(firstRoom);
    return true;
  }

  /** Those that are open now: it may change under the loop. Not in the order of their ids. */
  all(): Http2Stream[] {
    return this.#places.filter((stream) => stream !== null);
  }

  #put(stream: Http2Stream): void {
    const places = this.#places;
    const mask = places.length - 1;
    let at = placeOf(stream.id, mask);
    while ((places[at] ?? null) !== null) at = (at + 1) & mask;
    places[at] = stream;
  }

  #resize(room: number): void {
    const streams = this.all();
    this.#places = emptyPlaces(room);
    for (const stream of streams) this.#put(stream);
  }
}

/** Ids of one opener go up by two: neighbours get places of their own. */
function placeOf(id: number, mask: number): number {
  return (id >>> 1) & mask;
}

function emptyPlaces(room: number): null[] {
  return Array.from({ length: room }, () => null);
}
