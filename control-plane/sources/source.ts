import type { Change } from '../catalog/catalog.ts';

/** A source of configuration: it tells everything that is there, then every change, in batches. */
export interface Source {
  readonly name: string;
  /** Starts telling. The first batch is everything that is there and is told before the promise resolves. */
  start(tell: (changes: readonly Change[]) => void): Promise<void>;
  close(): Promise<void>;
}
