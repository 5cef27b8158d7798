import type { Clock } from '#shared/runtime/clock.ts';
import type { ResponseHead } from '../http1/message.ts';
import type { FilterContext, FilterVerdict, HttpRequestFilter, LocalReply } from './filter.ts';

/** Whose filters run, and who hears of the outcome: `onPassed` or `reply`, unless the run is ended before. */
export interface FilterRunOwner extends FilterContext {
  onPassed(): void;
  reply(reply: LocalReply): void;
  onDelay(flag: string): void;
}

/** The filters of one exchange: in order for the request, in reverse order for its response, each of them ended once. */
export class FilterRun {
  readonly #filters: readonly HttpRequestFilter[];
  readonly #clock: Clock;
  readonly #owner: FilterRunOwner;
  /** How many have seen the request. */
  #begun = 0;
  #cancelDelay: (() => void) | null = null;

  constructor(filters: readonly HttpRequestFilter[], clock: Clock, owner: FilterRunOwner) {
    this.#filters = filters;
    this.#clock = clock;
    this.#owner = owner;
  }

  start(): void {
    this.#run(0);
  }

  onResponse(head: ResponseHead): void {
    for (let i = this.#begun - 1; i >= 0; i--) this.#filters[i]?.onResponse?.(this.#owner, head);
  }

  end(): void {
    this.#cancelDelay?.();
    this.#cancelDelay = null;
    for (let i = 0; i < this.#begun; i++) this.#filters[i]?.onEnd?.(this.#owner);
  }

  #run(from: number): void {
    for (let i = from; i < this.#filters.length; i++) {
      const filter = this.#filters[i];
      if (filter === undefined) continue;
      this.#begun = i + 1;
      if (!this.#obey(filter.onRequest(this.#owner), i + 1)) return;
    }
    this.#owner.onPassed();
  }

  /** Does what a filter said; whether to go on at once. */
  #obey(verdict: FilterVerdict, next: number): boolean {
    switch (verdict.kind) {
      case 'continue':
        return true;
      case 'reply':
        this.#owner.reply(verdict.reply);
        return false;
      case 'delay':
        this.#owner.onDelay(verdict.flag);
        this.#cancelDelay = this.#clock.after(verdict.ms, () => {
          this.#cancelDelay = null;
          if (this.#obey(verdict.next, next)) this.#run(next);
        });
        return false;
    }
  }
}
