/** Placeholder written first so that the layers above type-check; see header-map.ts once the codec is in. */
export interface HeaderMap {
  /** Number of field lines. */
  readonly size: number;
  /** Value of the first line of this (lower-case) name. */
  get(name: string): string | undefined;
  /** Values of all lines joined by `,` (as Envoy compares repeated headers), or undefined. */
  getJoined(name: string): string | undefined;
  has(name: string): boolean;
  /** Replaces all lines of this name by one, at the end if there was none. */
  set(name: string, value: string): void;
  /** Adds a line. */
  add(name: string, value: string): void;
  /** Removes all lines of this name; whether there was one. */
  remove(name: string): boolean;
  /** Lines in order; names in lower case. */
  forEach(visit: (name: string, value: string) => void): void;
  /** Lines as pairs, for tests and mirrors. */
  entries(): [string, string][];
  clone(): HeaderMap;
}
