import { errorCode, errorName } from '../http2/frames.ts';
import type { FieldSection } from '../http2/field-section.ts';
import { describeFault, faults, type Http2Fault } from '../http2/protocol-error.ts';
import { Session } from '../http2/session.ts';
import type { SessionRole } from '../http2/session-core.ts';
import type { SessionHandler } from '../http2/session-handler.ts';
import type { Http2Stream, StreamFailure } from '../http2/stream.ts';
import { flushAtEndOfTurn, type Flushable } from '../transport/flush-queue.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { abortCauseOf } from './abort-cause.ts';
import type { Http2Setup } from './http2-options.ts';
import type { AbortCause } from './http-stream.ts';
import { WheelTimer } from './timer-wheel.ts';

/** How often a session that waits for something looks at the time. */
const tickMs = 1000;
/** Of `delayedCloseMs` each. */
const maxStalledLooks = 30;

type Phase = 'open' | 'closing' | 'gone';

/**
 * Ties a session to its connection, for both roles: what comes goes into the session, its output is written once a turn, a timer
 * tells it the time, and when it is done the connection is closed, after what is queued. Owns the `Connection`.
 */
export abstract class Http2Connection implements ConnectionHandler, Flushable, SessionHandler {
  readonly connection: Connection;
  protected readonly session: Session;
  readonly #setup: Http2Setup;
  readonly #timer: WheelTimer;
  /** What the connection had been given before. */
  readonly #bytesBefore: number;
  #phase: Phase = 'open';
  #isFlushScheduled = false;
  #isTicking = false;
  /** Why the streams that are left ended. */
  #endCause: AbortCause = { kind: 'localClose' };
  /** At the last look; -1: there was none. */
  #queuedBytes = -1;
  #stalledLooks = 0;

  constructor(connection: Connection, role: SessionRole, setup: Http2Setup) {
    this.connection = connection;
    this.#setup = setup;
    this.#bytesBefore = connection.bytesWritten + connection.bytesQueued;
    this.#timer = new WheelTimer(setup.wheel, this);
    this.session = new Session(role, this, setup.options, setup.wheel.now());
    this.#keepTicking();
  }

  /** Takes the connection's events; for the constructor of the role. */
  protected begin(): void {
    this.connection.setHandler(this);
  }

  protected get isOpen(): boolean {
    return this.#phase === 'open' && !this.connection.isClosed;
  }

  protected now(): number {
    return this.#setup.wheel.now();
  }

  /** Streams under way. */
  get openStreams(): number {
    return this.session.openStreams;
  }

  get bytesTaken(): number {
    return this.connection.bytesWritten - this.#bytesBefore;
  }

  /** Closes at once. */
  close(): void {
    this.#abort({ kind: 'localClose' });
    this.connection.destroy();
  }

  onData(bytes: Buffer): void {
    if (this.#phase !== 'open') return;
    this.session.receive(bytes, this.now());
    this.#afterEvents();
  }

  onDrain(): void {
    this.session.onDrain();
  }

  /** A peer that closes its side is taken to be gone, as in HTTP/1.1: nothing can be told to it about its streams. */
  onEnd(): void {
    if (this.#phase !== 'open') return;
    this.#abort({ kind: 'connectionClosed', reset: false, detail: 'the peer closed the connection' });
    this.#closeGracefully();
  }

  onClose(error: Error | null): void {
    this.#abort(abortCauseOf(error));
    this.#phase = 'gone';
    this.#timer.stop();
    this.onGone();
  }

  write(bytes: Buffer): boolean {
    return this.connection.write(bytes);
  }

  relay(bytes: Buffer): boolean {
    return this.connection.relay(bytes);
  }

  flush(): void {
    this.#isFlushScheduled = false;
    if (this.#phase === 'gone') return this.session.giveHeld();
    this.session.flush();
    this.#afterEvents();
  }

  onOutput(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    flushAtEndOfTurn(this);
  }

  onFatal(fault: Http2Fault): void {
    this.#endCause = causeOf(fault);
    // What made output pile up will not be read either.
    if (fault === faults.outboundFlood || fault === faults.outboundControlFlood) this.#stalledLooks = maxStalledLooks;
    this.onOutput();
  }

  /** The connection is gone. */
  protected abstract onGone(): void;
  /** No stream for the idle time. */
  protected abstract onIdleTimeout(): void;
  abstract onRequest(stream: Http2Stream, section: FieldSection, end: boolean): void;
  abstract onBadRequest(stream: Http2Stream, section: FieldSection, fault: Http2Fault): boolean;
  abstract onCapacity(): void;
  abstract onGoaway(code: number): void;

  /** What a stream's end means to the proxy. */
  abortCauseOf(failure: StreamFailure): AbortCause {
    switch (failure.kind) {
      case 'reset':
        return { kind: 'streamReset', code: errorName(failure.code) };
      case 'refused':
        return { kind: 'refused' };
      case 'fault':
        return causeOf(failure.fault);
      case 'stalled':
        return { kind: 'timeout', detail: 'the peer gave no window for what is to be sent' };
      case 'connection':
        return this.#endCause;
    }
  }

  /** Ends the connection if nothing is left to do on it; for after `session.drain`. */
  protected endIfDone(): void {
    if (this.#phase !== 'open' || !this.session.isDone) return;
    this.session.sayGoodbye();
    this.#closeGracefully();
  }

  #afterEvents(): void {
    if (this.#phase !== 'open') return;
    if (this.session.isOver) {
      this.session.flush();
      this.#closeGracefully();
    } else if (this.session.isDone) {
      this.endIfDone();
    } else {
      this.#keepTicking();
    }
  }

  #keepTicking(): void {
    if (this.#isTicking || !this.session.needsTicks) return;
    this.#isTicking = true;
    this.#timer.start(tickMs);
  }

  onTimeout(): void {
    if (this.#phase === 'closing') {
      this.#waitForPeer();
    } else if (this.#phase === 'open' && this.#isTicking) {
      this.#isTicking = false;
      this.session.tick(this.now());
      this.#afterEvents();
      if (this.#phase === 'open' && !this.#isTicking) this.#timer.start(this.#setup.options.idleTimeoutMs);
    } else if (this.#phase === 'open') {
      this.onIdleTimeout();
      this.#afterEvents();
    }
  }

  /** Sends what is queued and ends; waits a little for the peer to take it, since closing over unread input would reset it. */
  #closeGracefully(): void {
    this.session.flush();
    this.#phase = 'closing';
    this.session.close();
    this.connection.end();
    // Who does not read is not read from either: it could go on sending for the whole second.
    if (this.#stalledLooks >= maxStalledLooks) this.connection.pause();
    this.#timer.start(this.#setup.options.delayedCloseMs);
  }

  #waitForPeer(): void {
    const queued = this.connection.bytesQueued;
    const wasEmpty = this.#queuedBytes === 0;
    this.#stalledLooks = queued === this.#queuedBytes ? this.#stalledLooks + 1 : 0;
    this.#queuedBytes = queued;
    // The system may have taken the last of it just now: the peer has the whole time from then on to read and close.
    if ((queued === 0 && wasEmpty) || this.#stalledLooks > maxStalledLooks) this.connection.destroy();
    else this.#timer.start(this.#setup.options.delayedCloseMs);
  }

  #abort(cause: AbortCause): void {
    this.#endCause = cause;
    this.session.close();
  }
}

function causeOf(fault: Http2Fault): AbortCause {
  const isTime = fault === faults.headTimeout || fault === faults.settingsTimeout || fault === faults.keepalive;
  if (isTime) return { kind: 'timeout', detail: fault.message };
  if (fault.code === errorCode.refusedStream) return { kind: 'refused' };
  return { kind: 'protocolError', detail: describeFault(fault) };
}
