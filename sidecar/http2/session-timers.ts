import { Buffer } from 'node:buffer';
import { maxInt31 } from './frames.ts';
import { faults, type Http2Fault } from './protocol-error.ts';
import type { SessionCore } from './session-core.ts';

/** What our PINGs say: which one is answered. */
const drainPing = Buffer.from('drain\0\0\0', 'latin1');
const keepalivePing = Buffer.from('alive\0\0\0', 'latin1');

/**
 * What a session does when time goes by: waits for acknowledgements, for heads, for output that stalls; keeps alive; and the two
 * steps of a graceful end (RFC 9113 6.8). It has no timer: `tick` is called now and then. All times are milliseconds.
 */
export class SessionTimers {
  readonly #core: SessionCore;
  /** When our SETTINGS were sent; -1: they were acknowledged. */
  #settingsSentAt: number;
  /** Since when the preface, a block or a frame is not complete; -1: none is under way. */
  #unfinishedSince: number;
  #finishedFrames = 0;
  #lastInputAt: number;
  #keepaliveSentAt = -1;
  /** When the first GOAWAY was sent; -1: none, or the second was too. */
  #drainStartedAt = -1;

  constructor(core: SessionCore) {
    this.#core = core;
    this.#settingsSentAt = core.now;
    this.#unfinishedSince = core.now;
    this.#lastInputAt = core.now;
  }

  get areSettingsAcknowledged(): boolean {
    return this.#settingsSentAt < 0;
  }

  /** Something is awaited that has its time. */
  get isWaiting(): boolean {
    return this.#settingsSentAt >= 0 || this.#unfinishedSince >= 0 || this.#drainStartedAt >= 0;
  }

  /** The first step of the end was taken, and the second was not. */
  get isDraining(): boolean {
    return this.#drainStartedAt >= 0;
  }

  /** After a read. `finishedFrames`: frames and blocks that were completed so far. */
  onRead(isUnfinished: boolean, finishedFrames: number): void {
    this.#lastInputAt = this.#core.now;
    if (!isUnfinished) {
      this.#unfinishedSince = -1;
    } else if (this.#unfinishedSince < 0 || finishedFrames !== this.#finishedFrames) {
      this.#unfinishedSince = this.#core.now;
      this.#finishedFrames = finishedFrames;
    }
  }

  onSettingsAck(): void {
    if (this.#settingsSentAt < 0) return;
    this.#core.roundTripMs = this.#core.now - this.#settingsSentAt;
    this.#settingsSentAt = -1;
  }

  onPingAck(bytes: Buffer, start: number): void {
    if (this.#drainStartedAt >= 0 && drainPing.compare(bytes, start, start + 8) === 0) this.#finishDrain();
    else if (keepalivePing.compare(bytes, start, start + 8) === 0) this.#keepaliveSentAt = -1;
  }

  /** As a server: tells that the end is near, so that requests that are on their way are still taken. */
  startDrain(): void {
    const core = this.#core;
    this.#drainStartedAt = core.now;
    core.writer.goaway(maxInt31, 0, '');
    core.writer.ping(drainPing, 0, false);
    core.countFrame(false);
  }

  /** The fault that ends the connection, if its time ran out. */
  tick(): Http2Fault | null {
    const { now, options } = this.#core;
    if (this.#drainStartedAt >= 0 && now - this.#drainStartedAt >= options.drainGraceMs) this.#finishDrain();
    if (hasPassed(this.#settingsSentAt, options.settingsAckTimeoutMs, now)) return faults.settingsTimeout;
    if (hasPassed(this.#unfinishedSince, options.headTimeoutMs, now)) return faults.headTimeout;
    if (hasPassed(this.#keepaliveSentAt, options.keepaliveTimeoutMs, now)) return faults.keepalive;
    if (this.#keepaliveSentAt < 0 && hasPassed(this.#lastInputAt, options.keepaliveIntervalMs, now)) {
      this.#keepaliveSentAt = now;
      this.#core.writer.ping(keepalivePing, 0, false);
      this.#core.countFrame(false);
    }
    return null;
  }

  #finishDrain(): void {
    const core = this.#core;
    this.#drainStartedAt = -1;
    core.lastTakenId = core.streams.lastPeerId;
    core.writer.goaway(core.lastTakenId, 0, '');
    core.countFrame(false);
    core.handler.onCapacity();
  }
}

function hasPassed(since: number, timeoutMs: number, now: number): boolean {
  return since >= 0 && timeoutMs > 0 && now - since >= timeoutMs;
}
