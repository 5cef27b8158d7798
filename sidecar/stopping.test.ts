import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { eventually } from '../test/support/eventually.ts';
import type { PathLoad } from './path-end.ts';
import { nextStop, stopInPod, type AppState, type StopFacts } from './stopping.ts';

const limits = { drainMs: 5000, limitMs: 28_000 };
const quiet = { inbound: 0, outbound: 0 };
/** Told to drain and to end at once, so long ago. */
const after = (ms: number, facts: Partial<StopFacts> = {}): StopFacts => ({
  drainingMs: ms,
  stoppingMs: ms,
  load: quiet,
  app: 'answers',
  ...facts,
});

const steps: readonly (readonly [what: string, facts: StopFacts, step: string])[] = [
  ['it serves for the drain delay', after(4999), 'serve'],
  ['then it takes nothing new, and waits for the application', after(5000), 'finish'],
  ['an application that never ends is waited for as long as the grace period allows', after(27_999), 'finish'],
  ['and no longer', after(28_000, { load: { inbound: 1, outbound: 1 } }), 'end'],
  ['it ends when the application has', after(6000, { app: 'silent' }), 'end'],
  [
    'but not before what it still has under way',
    after(6000, { app: 'silent', load: { inbound: 1, outbound: 0 } }),
    'finish',
  ],
  ['nor before calls that it still makes', after(6000, { app: 'silent', load: { inbound: 0, outbound: 1 } }), 'finish'],
  [
    'an application that stopped listening gets nothing new, and may still call',
    after(100, { app: 'silent' }),
    'finish',
  ],
  [
    'one without ports is there as long as it has connections',
    after(6000, { app: 'unknown', load: { inbound: 0, outbound: 1 } }),
    'finish',
  ],
  ['and gone without', after(6000, { app: 'unknown' }), 'end'],
  ['but has the drain delay', after(100, { app: 'unknown' }), 'serve'],
  [
    'native: the application has ended before the signal, and there is no delay',
    after(0, { drainingMs: 800, app: 'silent' }),
    'end',
  ],
  ['native: nor for one without ports', after(0, { drainingMs: 800, app: 'unknown' }), 'end'],
  [
    'native: what is under way still counts',
    after(0, { drainingMs: 800, app: 'silent', load: { inbound: 1, outbound: 0 } }),
    'finish',
  ],
  ['the drain delay counts from the hook', after(0, { drainingMs: 5000 }), 'finish'],
  ['and so does the grace period', after(1000, { drainingMs: 28_000 }), 'end'],
  ['a drain long ago was not of this end', after(1000, { drainingMs: 3_600_000 }), 'finish'],
];
for (const [what, facts, step] of steps) test(what, () => assert.equal(nextStop(facts, limits), step));

test('the process is told when nothing is left, and inbound is closed once on the way', async () => {
  const clock = new FakeClock();
  const did: string[] = [];
  let load: PathLoad = { inbound: 1, outbound: 2 };
  let app: AppState = 'answers';
  let looks = 0;
  const ended = stopInPod({
    clock,
    dataPlane: {
      load: () => Promise.resolve(load),
      // Said only when all threads have done it.
      stopInbound: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        did.push('stopInbound');
      },
    },
    lookAtApp: () => {
      looks++;
      return Promise.resolve(app);
    },
    drainingSince: clock.monotonic(),
    limits,
    log: {
      info: (_facts: object, message: string) => did.push(message),
      warn: (_facts: object, message: string) => did.push(message),
    },
  }).then(() => did.push('end'));
  const passes = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      const before = looks;
      await eventually(() => clock.pending === 1 || did.includes('end'));
      clock.advance(50);
      await eventually(() => looks > before || clock.pending === 1 || did.includes('end'));
    }
  };
  await passes(4750);
  assert.deepEqual(did, []);
  await passes(1000);
  assert.deepEqual(did, ['takes no more connections from the mesh', 'stopInbound'].toReversed());
  load = quiet;
  app = 'silent';
  await passes(500);
  await ended;
  assert.deepEqual(did, [
    'stopInbound',
    'takes no more connections from the mesh',
    'nothing is left to wait for',
    'end',
  ]);
});
