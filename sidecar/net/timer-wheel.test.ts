import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { TimerWheel, WheelTimer } from './timer-wheel.ts';

function aWheel() {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const start = clock.now();
  const fired: [string, number][] = [];
  const timer = (name: string) =>
    new WheelTimer(wheel, { onTimeout: () => void fired.push([name, clock.now() - start]) });
  return { clock, wheel, fired, timer };
}

describe('TimerWheel', () => {
  it('fires in steps of 100 ms, never early', () => {
    const { clock, fired, timer } = aWheel();
    timer('a').start(150);
    timer('b').start(100);
    clock.advance(99);
    assert.deepEqual(fired, []);
    clock.advance(400);
    assert.deepEqual(fired, [
      ['b', 100],
      ['a', 200],
    ]);
  });

  it('is not early for a timer that starts between two ticks', () => {
    const { clock, fired, timer } = aWheel();
    timer('a').start(1000);
    clock.advance(150);
    timer('b').start(100);
    clock.advance(300);
    assert.deepEqual(fired, [['b', 300]]);
  });

  it('carries deadlines beyond one turn of the wheel', () => {
    const { clock, fired, timer } = aWheel();
    timer('hour').start(3_600_000);
    clock.advance(3_599_900);
    assert.deepEqual(fired, []);
    clock.advance(200);
    assert.deepEqual(fired, [['hour', 3_600_000]]);
  });

  it('moves a deadline back and forth', () => {
    const { clock, fired, timer } = aWheel();
    const moved = timer('a');
    moved.start(200);
    clock.advance(100);
    moved.start(500);
    clock.advance(300);
    assert.deepEqual(fired, []);
    moved.start(100);
    clock.advance(100);
    assert.deepEqual(fired, [['a', 500]]);
  });

  it('does not fire when stopped, nor with a delay of 0, and ticks only while something is armed', () => {
    const { clock, wheel, fired, timer } = aWheel();
    const stopped = timer('a');
    stopped.start(100);
    stopped.stop();
    timer('b').start(0);
    clock.advance(1000);
    assert.deepEqual([fired, wheel.armed, clock.pending, stopped.isArmed], [[], 0, 0, false]);
  });

  it('lets a timer start itself and stop others when it fires', () => {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock);
    let fired = 0;
    const other = new WheelTimer(wheel, { onTimeout: () => assert.fail('was stopped') });
    const onTimeout = () => {
      fired++;
      other.stop();
      if (fired < 3) timer.start(100);
    };
    const timer = new WheelTimer(wheel, { onTimeout });
    other.start(100);
    timer.start(100);
    clock.advance(1000);
    assert.deepEqual([fired, wheel.armed], [3, 0]);
  });
});
