import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import { Pipe, type PipeEnd } from './pipe.ts';

/** A connection whose peer is the test. */
class FakeConnection {
  readonly log: string[] = [];
  isClosed = false;
  accepts = true;
  #handler: ConnectionHandler | null = null;

  setHandler(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  relay(bytes: Buffer): boolean {
    return this.write(Buffer.from(bytes));
  }

  write(bytes: Buffer): boolean {
    this.log.push(`write ${bytes.toString()}`);
    return this.accepts;
  }

  pause(): void {
    this.log.push('pause');
  }

  resume(): void {
    this.log.push('resume');
  }

  end(): void {
    this.log.push('end');
  }

  destroy(): void {
    this.log.push('destroy');
    this.isClosed = true;
  }

  reset(): void {
    this.log.push('reset');
    this.isClosed = true;
  }

  receive(text: string): void {
    const lent = Buffer.from(text);
    this.#handler?.onData(lent);
    lent.fill(0);
  }

  receiveEnd(): void {
    this.#handler?.onEnd();
  }

  drain(): void {
    this.#handler?.onDrain();
  }

  close(error: Error | null = null): void {
    this.isClosed = true;
    this.#handler?.onClose(error);
  }
}

function setUp(idleTimeoutMs = 0) {
  const clock = new FakeClock();
  const [down, up] = [new FakeConnection(), new FakeConnection()];
  const ends: PipeEnd[] = [];
  const pipe = new Pipe(down as unknown as Connection, up as unknown as Connection, {
    idleTimeoutMs,
    clock,
    onEnd: (end) => ends.push(end),
  });
  pipe.start();
  return { clock, down, up, ends, pipe };
}

test('copies both ways and counts', () => {
  const { down, up, ends } = setUp();
  down.receive('hello');
  up.receive('hi');
  assert.deepEqual([up.log, down.log], [['write hello'], ['write hi']]);
  down.receiveEnd();
  up.receiveEnd();
  down.close();
  up.close();
  assert.deepEqual(ends, [{ reason: 'finished', bytesUp: 5, bytesDown: 2, error: null }]);
});

test('keeps a half-close: the other direction goes on', () => {
  const { down, up, ends } = setUp();
  down.receiveEnd();
  up.receive('late answer');
  assert.deepEqual([up.log, down.log, ends], [['end'], ['write late answer'], []]);
});

test('a slow receiver pauses its sender until it drains', () => {
  const { down, up } = setUp();
  up.accepts = false;
  down.receive('a lot');
  assert.deepEqual(down.log, ['pause']);
  up.drain();
  assert.deepEqual(down.log, ['pause', 'resume']);
});

test('a reset of one side resets the other', () => {
  const { down, up, ends } = setUp();
  const error = new Error('ECONNRESET');
  up.close(error);
  assert.deepEqual([down.log, ends], [['reset'], [{ reason: 'upstreamReset', bytesUp: 0, bytesDown: 0, error }]]);
  down.close(null);
  assert.equal(ends.length, 1);
});

test('a close of one side ends the other, so that what is queued still arrives', () => {
  const { down, up, ends, clock } = setUp(1_000);
  down.close();
  assert.deepEqual([up.log, ends[0]?.reason], [['end'], 'downstreamClosed']);
  up.close();
  assert.equal(clock.pending, 0);
});

test('whoever does not close after the other side is gone is cut off, and nobody hears of it again', () => {
  const { down, up, ends, clock } = setUp(1_000);
  up.close();
  clock.advance(9_999);
  assert.deepEqual([down.log, down.isClosed], [['end'], false]);
  clock.advance(1);
  assert.deepEqual([down.log, ends.length, clock.pending], [['end', 'destroy'], 1, 0]);
});

test('without a byte either way for the idle time both are closed; each byte starts it anew', () => {
  const { clock, down, up, ends } = setUp(1_000);
  clock.advance(900);
  up.receive('x');
  clock.advance(900);
  assert.equal(ends.length, 0);
  clock.advance(100);
  assert.deepEqual([ends[0]?.reason, down.log, up.log], ['idleTimeout', ['write x', 'destroy'], ['destroy']]);
  assert.equal(clock.pending, 0);
});

test('stopped, both are closed', () => {
  const { clock, down, up, ends, pipe } = setUp(1_000);
  pipe.stop();
  assert.deepEqual([ends[0]?.reason, down.isClosed, up.isClosed, clock.pending], ['stopped', true, true, 0]);
});
