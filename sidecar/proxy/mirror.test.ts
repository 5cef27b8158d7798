import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aResponse } from '../telemetry/heads.fixture.ts';
import type { MirrorPolicy } from '../snapshot/route.ts';
import { anExchange, aRetry, startExchange } from './exchange.fixture.ts';

const all = { numerator: 100, denominator: 100 } as const;
const mirrors: readonly MirrorPolicy[] = [{ cluster: 'm', fraction: all, appendShadowSuffix: false }];

test('a mirror gets the whole body once, whatever is retried', () => {
  const made = startExchange({
    hasBody: true,
    request: { method: 'PUT' },
    action: { mirrors, retry: aRetry('5xx') },
    mirrors: ['m'],
  });
  made.exchange.onData(Buffer.from('one '), false);
  assert.equal(made.mirror.attempts.length, 0);
  made.exchange.onData(Buffer.from('two'), true);
  made.upstream.last.answer(503);
  made.upstream.last.answer(200, 'ok');
  assert.deepEqual(
    made.mirror.attempts.map(({ body, hasEnded }) => [body, hasEnded]),
    [['one two', true]],
  );
  assert.equal(made.upstream.attempts.length, 2);
});

test('a request without a body is mirrored with its head', () => {
  const made = startExchange({ action: { mirrors }, mirrors: ['m'] });
  assert.deepEqual([made.mirror.last.head?.method, made.mirror.last.hasEnded], ['GET', true]);
});

test('an early answer does not keep the rest of the body from the mirror', () => {
  const made = startExchange({ hasBody: true, action: { mirrors }, mirrors: ['m'] });
  made.exchange.onData(Buffer.from('one '), false);
  made.upstream.last.sink.onHead(aResponse(200), false);
  made.exchange.onData(Buffer.from('two'), true);
  assert.equal(made.mirror.last.body, 'one two');
});

test('a body over the limit is not mirrored', () => {
  const made = startExchange({ hasBody: true, action: { mirrors }, mirrors: ['m'] });
  made.exchange.onData(Buffer.alloc(1_100_000), false);
  made.exchange.onData(Buffer.alloc(1), true);
  assert.equal(made.mirror.attempts.length, 0);
  assert.equal(made.upstream.last.body.length, 1_100_001);
});

test('what happens to the mirror is nobody else’s business', () => {
  const refused = anExchange({ action: { mirrors }, mirrors: ['m'] });
  refused.mirror.mode = 'connectFailure';
  refused.exchange.start();
  refused.upstream.last.answer(200, 'ok');
  const broken = startExchange({ action: { mirrors }, mirrors: ['m'] });
  broken.mirror.last.reset();
  broken.upstream.last.answer(200, 'ok');
  const slow = startExchange({ action: { mirrors }, mirrors: ['m'] });
  slow.upstream.last.answer(200, 'ok');
  slow.clock.advance(15_000);
  assert.equal(slow.mirror.last.isAborted, true);
  for (const made of [refused, broken, slow]) {
    assert.equal(made.stream.answer, '200 ok');
    assert.equal(made.logged.length, 1);
    assert.equal(made.logged[0]?.flagNames, '');
  }
});

test('a mirror that answered is not given up later', () => {
  const made = startExchange({ action: { mirrors }, mirrors: ['m'] });
  made.mirror.last.answer(500, 'ignored');
  made.clock.advance(60_000);
  assert.equal(made.mirror.last.isAborted, false);
});

test('a share of the requests is mirrored, and none to a cluster that is not there', () => {
  const share = (draw: number) =>
    startExchange({
      random: () => draw,
      action: { mirrors: [{ ...mirrors[0]!, fraction: { numerator: 25, denominator: 100 } }] },
      mirrors: ['m'],
    }).mirror.attempts.length;
  assert.deepEqual([share(0.24), share(0.25)], [1, 0]);
  const nowhere = startExchange({ action: { mirrors } });
  nowhere.upstream.last.answer(200);
  assert.equal(nowhere.stream.answer, '200 ');
});

test('a request that never reaches its cluster is not mirrored', () => {
  const made = anExchange({
    action: { mirrors },
    mirrors: ['m'],
    filters: [
      {
        name: 'abort',
        onRequest: () => ({
          kind: 'reply',
          reply: { status: 500, body: '', headers: [], flag: 'FI', details: '', grpcStatus: null },
        }),
      },
    ],
  });
  made.exchange.start();
  assert.equal(made.mirror.attempts.length, 0);
});
