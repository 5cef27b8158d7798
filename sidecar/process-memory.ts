/**
 * What starting or a new configuration took and running does not need goes back to the system: a full collection (tens of
 * milliseconds, in which nothing is served: `memory-keeper.ts` says when), what malloc keeps of freed memory, and pages of files
 * (Node's own above all: its loader, its snapshot) that are mapped, but may never be read again. Those stay in the system's page
 * cache, and what is needed of them is mapped again at its first use, at the cost of a page fault.
 */
import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Memory } from './memory-keeper.ts';

/** Resident memory before and after, in megabytes; `problem`: what could not be given back, and why, or null. */
export type Settled = Readonly<{ fromMb: number; toMb: number; problem: string | null }>;

/** A range of addresses: its first, and its length in bytes. */
export type PageRange = Readonly<{ start: bigint; length: bigint }>;

/** madvise(2): pages of a file are dropped here and read from the file again when they are touched. */
const madvDontNeed = 4;

/** The memory of this process. */
export class ProcessMemory implements Memory {
  readonly #onSettled: (settled: Settled) => void;
  #trim: () => void = () => undefined;

  constructor(onSettled: (settled: Settled) => void) {
    this.#onSettled = onSettled;
  }

  get residentBytes(): number {
    return process.memoryUsage.rss();
  }

  get heapBytes(): number {
    return getHeapStatistics().used_heap_size;
  }

  /** Gives back what it can. Never throws: where the system has no way to do a part, that part stays. */
  settle(): Promise<void> {
    const fromMb = this.#residentMb();
    collectAll();
    return this.#releaseFrom(fromMb);
  }

  /** The same without a collection. */
  release(): Promise<void> {
    return this.#releaseFrom(this.#residentMb());
  }

  async #releaseFrom(fromMb: number): Promise<void> {
    const problem = process.platform === 'linux' ? await this.#giveBack() : 'only Linux is known to take memory back';
    this.#onSettled({ fromMb, toMb: this.#residentMb(), problem });
  }

  /** Gives back what malloc keeps of freed memory, once `settle` has found out how: takes less than a millisecond. */
  trim(): void {
    this.#trim();
  }

  /** Node has no call for either, so libc is asked through koffi. Null, or why not. */
  async #giveBack(): Promise<string | null> {
    try {
      const { default: koffi } = await import('koffi');
      const libc = koffi.load(null);
      // Of glibc alone: musl keeps less, and has no such call.
      const problem = attempt(() => {
        const mallocTrim = libc.func('int malloc_trim(size_t pad)');
        this.#trim = () => void mallocTrim(0);
      });
      this.#trim();
      const madvise = libc.func('int madvise(uintptr_t start, size_t length, int advice)');
      for (const { start, length } of unchangedFilePages(readFileSync('/proc/self/smaps', 'utf8')))
        madvise(start, length, madvDontNeed);
      return problem;
    } catch (error) {
      return describeError(error);
    }
  }

  #residentMb(): number {
    return Math.round(this.residentBytes / (1024 * 1024));
  }
}

/**
 * The mappings in the text of `/proc/PID/smaps` whose pages are those of a file, byte for byte: not writable, and none of their pages
 * the process's own (as those are that the loader relocated).
 */
export function unchangedFilePages(smaps: string): PageRange[] {
  const ranges: PageRange[] = [];
  let mapped: PageRange | null = null;
  for (const line of smaps.split('\n')) {
    const [, first, end, mayWrite, inode] = /^([0-9a-f]+)-([0-9a-f]+) .(.).. \S+ \S+ (\d+)/.exec(line) ?? [];
    if (first !== undefined && end !== undefined) {
      const start = BigInt(`0x${first}`);
      mapped = mayWrite === '-' && inode !== '0' ? { start, length: BigInt(`0x${end}`) - start } : null;
    }
    if (mapped !== null && /^Anonymous:\s+0 kB/.test(line)) ranges.push(mapped);
  }
  return ranges;
}

/**
 * As much as V8 finds, compiled code that has not run lately too: what is needed again is compiled again. Of itself V8 collects only as
 * objects are made: a process that has nothing more to serve would keep what it has.
 */
export function collectAll(): void {
  if (globalThis.gc === undefined) setFlagsFromString('--expose-gc');
  const collect: unknown = globalThis.gc ?? runInNewContext('gc');
  if (typeof collect === 'function')
    Reflect.apply(collect, undefined, [{ type: 'major', execution: 'sync', flavor: 'last-resort' }]);
}

function attempt(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return describeError(error);
  }
}
