import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aResponse } from '../telemetry/heads.fixture.ts';
import { aManager, startExchange, type ExchangeSetup } from './exchange.fixture.ts';

/** An exchange that may be idle for a second, by its listener unless said otherwise. */
const start = (setup: ExchangeSetup = {}) =>
  startExchange({ service: { manager: aManager({ streamIdleTimeoutMs: 1000 }) }, ...setup });
const log = ({ logged }: ReturnType<typeof start>) =>
  logged.map(({ status, flagNames, details }) => `${status} ${flagNames} ${details}`);

/** A tunnel that is open. */
function aTunnel(setup: ExchangeSetup = {}) {
  const made = start({ request: { upgrade: 'websocket' }, ...setup });
  made.upstream.last.sink.onHead({ ...aResponse(101), upgrade: 'websocket' }, false);
  return made;
}

describe('a tunnel', () => {
  test('in which nobody says anything ends after its idle time, on both sides, with the flag SI', () => {
    const made = aTunnel();
    made.clock.advance(1200);
    assert.deepEqual([made.stream.isAborted, made.upstream.last.isAborted], [true, true]);
    assert.deepEqual(log(made), ['101 SI stream_idle_timeout']);
    assert.equal(made.clock.pending, 0);
  });

  test('lives on by what either side says', () => {
    const made = aTunnel();
    for (let n = 0; n < 5; n++) {
      made.clock.advance(900);
      made.exchange.onData(Buffer.from('ping'), false);
      made.clock.advance(900);
      made.upstream.last.sink.onData(Buffer.from('pong'), false);
    }
    assert.equal(made.stream.isAborted, false);
    made.clock.advance(1200);
    assert.equal(made.stream.isAborted, true);
  });

  test('has the time of its route, which may be none', () => {
    const forEver = aTunnel({ action: { idleTimeoutMs: 0 } });
    forEver.clock.advance(3_600_000);
    assert.deepEqual([forEver.stream.isAborted, forEver.clock.pending], [false, 0]);
    const longer = aTunnel({ action: { idleTimeoutMs: 5000 } });
    longer.clock.advance(4900);
    assert.equal(longer.stream.isAborted, false);
    longer.clock.advance(300);
    assert.equal(longer.stream.isAborted, true);
  });

  test('without any is left alone', () => {
    const made = aTunnel({ service: {} });
    made.clock.advance(3_600_000);
    assert.equal(made.stream.isAborted, false);
  });
});

test('a request that does not come on is answered 408, one that waits for its answer 504', () => {
  const slow = start({ hasBody: true });
  slow.clock.advance(1200);
  assert.deepEqual([slow.stream.answer, ...log(slow)], ['408 stream timeout', '408 SI stream_idle_timeout']);
  const waiting = start();
  waiting.clock.advance(1200);
  assert.deepEqual([waiting.stream.answer, ...log(waiting)], ['504 stream timeout', '504 SI stream_idle_timeout']);
  assert.deepEqual([slow.upstream.last.isAborted, waiting.upstream.last.isAborted], [true, true]);
});

test('an answer that stops half-way is broken off, one that is whole is not', () => {
  const made = start();
  made.upstream.last.sink.onHead(aResponse(200), false);
  made.upstream.last.sink.onData(Buffer.from('half'), false);
  made.clock.advance(1200);
  assert.deepEqual([made.stream.isAborted, ...log(made)], [true, '200 SI stream_idle_timeout']);
  const whole = start();
  whole.upstream.last.answer(200, 'ok');
  whole.clock.advance(1200);
  assert.deepEqual([whole.stream.isAborted, ...log(whole), whole.clock.pending], [false, '200  via_upstream', 0]);
});
