import type { Clock } from '#shared/runtime/clock.ts';

const tickMs = 100;
const slotCount = 512;

/**
 * One coarse timer for all timeouts of a worker: an armed {@link WheelTimer} costs a list insertion, and moving its deadline
 * back costs an assignment. Fires in steps of 100 ms, never early. Ticks only while a timer is armed.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: (WheelTimer | null)[] = Array.from({ length: slotCount }, () => null);
  #armed = 0;
  #position = 0;
  #stopTicking: (() => void) | null = null;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Armed timers. */
  get armed(): number {
    return this.#armed;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /** Stops all ticking; armed timers do not fire any more. */
  close(): void {
    this.#isClosed = true;
    this.#stopTicking?.();
    this.#stopTicking = null;
  }

  /** Only for {@link WheelTimer}. */
  insert(timer: WheelTimer, now: number): void {
    const ticks = Math.min(Math.max(Math.ceil((timer.deadline - now) / tickMs), 1), slotCount - 1);
    const slot = (this.#position + ticks) % slotCount;
    const head = this.#slots[slot] ?? null;
    timer.slot = slot;
    timer.previous = null;
    timer.next = head;
    if (head !== null) head.previous = timer;
    this.#slots[slot] = timer;
    this.#armed++;
    if (this.#stopTicking === null && !this.#isClosed) this.#scheduleTick();
  }

  /** Only for {@link WheelTimer}. */
  remove(timer: WheelTimer): void {
    if (timer.slot < 0) return;
    if (timer.previous === null) this.#slots[timer.slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.slot = -1;
    timer.next = null;
    timer.previous = null;
    this.#armed--;
  }

  #scheduleTick(): void {
    this.#stopTicking = this.#clock.after(tickMs, () => this.#tick());
  }

  #tick(): void {
    this.#stopTicking = null;
    this.#position = (this.#position + 1) % slotCount;
    const now = this.#clock.monotonic();
    let timer = this.#slots[this.#position] ?? null;
    const due: WheelTimer[] = [];
    while (timer !== null) {
      due.push(timer);
      timer = timer.next;
    }
    for (const each of due) if (each.slot === this.#position) this.#settle(each, now);
    if (this.#armed > 0 && this.#stopTicking === null && !this.#isClosed) this.#scheduleTick();
  }

  /** Fires a timer whose deadline has come; any other has its deadline moved, or is far off: it goes round again. */
  #settle(timer: WheelTimer, now: number): void {
    this.remove(timer);
    if (timer.deadline <= now) timer.fire();
    else this.insert(timer, now);
  }
}

/** Whose time can run out. */
export interface TimerOwner {
  onTimeout(): void;
}

/** A timeout that is started again and again: made once by its owner, without a closure or a system timer a use. */
export class WheelTimer {
  /** Of the wheel: links of the slot's list. */
  next: WheelTimer | null = null;
  previous: WheelTimer | null = null;
  /** Index of the slot it is in, or -1. */
  slot = -1;
  /** By the wheel's clock. */
  deadline = 0;
  readonly #wheel: TimerWheel;
  readonly #owner: TimerOwner;
  #isArmed = false;

  constructor(wheel: TimerWheel, owner: TimerOwner) {
    this.#wheel = wheel;
    this.#owner = owner;
  }

  get isArmed(): boolean {
    return this.#isArmed;
  }

  /** (Re)starts it. 0: it never fires. */
  start(delayMs: number): void {
    this.#isArmed = delayMs > 0;
    if (!this.#isArmed) {
      this.#wheel.remove(this);
      return;
    }
    const now = this.#wheel.now();
    const deadline = now + delayMs;
    // In its slot it may stay when the deadline only moves back: the tick looks and goes round again.
    if (this.slot >= 0 && deadline >= this.deadline) {
      this.deadline = deadline;
      return;
    }
    this.#wheel.remove(this);
    this.deadline = deadline;
    this.#wheel.insert(this, now);
  }

  stop(): void {
    this.#isArmed = false;
    this.#wheel.remove(this);
  }

  /** Only for {@link TimerWheel}. */
  fire(): void {
    this.#isArmed = false;
    this.#owner.onTimeout();
  }
}
