import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { NameWatch, systemResolve, type Resolution } from './dns.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

function watch(...answers: (readonly string[] | Error)[]) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const watched = new NameWatch('app.example', {
    family: 'v4',
    refreshMs: 5_000,
    clock,
    resolve: async (name, family) => {
      asked.push(`${name} ${family}`);
      const answer = answers[asked.length - 1] ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const changes: Resolution[] = [];
  watched.resolution.subscribe((value) => changes.push(value));
  const tick = async () => {
    clock.advance(5_000);
    await settle();
  };
  return { clock, watched, asked, changes, tick };
}

test('tells the addresses in a steady order, and only when they change', async () => {
  const { watched, asked, changes, tick } = watch(['10.0.0.2', '10.0.0.1'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.3']);
  await settle();
  await tick();
  await tick();
  assert.deepEqual(asked, ['app.example v4', 'app.example v4', 'app.example v4']);
  assert.deepEqual(
    changes.map((change) => change.addresses),
    [['10.0.0.1', '10.0.0.2'], ['10.0.0.3']],
  );
  watched.close();
});

test('keeps the last good addresses while the resolver fails, and says why', async () => {
  const { watched, tick } = watch(['10.0.0.1'], new Error('SERVFAIL'), [], ['10.0.0.1']);
  await settle();
  await tick();
  assert.deepEqual(watched.resolution.current(), { addresses: ['10.0.0.1'], problem: 'SERVFAIL' });
  await tick();
  assert.deepEqual(watched.resolution.current(), {
    addresses: ['10.0.0.1'],
    problem: 'no addresses for app.example',
  });
  await tick();
  assert.deepEqual(watched.resolution.current(), { addresses: ['10.0.0.1'], problem: null });
  watched.close();
});

test('after closing nothing is asked or told', async () => {
  const { clock, watched, changes, asked, tick } = watch(['10.0.0.1']);
  watched.close();
  await settle();
  await tick();
  assert.deepEqual([changes, asked.length, clock.pending], [[], 1, 0]);
});

test('the system resolver knows addresses by family', async () => {
  assert.deepEqual(await systemResolve('127.0.0.1', 'v4'), ['127.0.0.1']);
  await assert.rejects(systemResolve('no-such-name.invalid', 'v4'));
});
