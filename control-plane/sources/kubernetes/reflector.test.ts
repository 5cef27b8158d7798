import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { seededRandom } from '#shared/runtime/random.ts';
import {
  idleReflector,
  stepReflector,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
} from './reflector.ts';
import { defaultReflectorSettings as settings } from './reflector-settings.ts';

type Told = ReflectorEvent extends infer E ? (E extends ReflectorEvent ? Omit<E, 'atMs'> : never) : never;

/** A reflector that is told events at times, and what it wanted each time. */
function aReflector(random = () => 0.5) {
  let state: ReflectorState = idleReflector;
  let atMs = 0;
  return {
    state: () => state,
    tell(event: Told, afterMs = 0): readonly ReflectorEffect[] {
      atMs += afterMs;
      const [next, effects] = stepReflector(state, { ...event, atMs }, { random, settings });
      state = next;
      return effects;
    },
  };
}
const kindsOf = (effects: readonly ReflectorEffect[]) => effects.map(({ kind }) => kind);
const waitOf = (effects: readonly ReflectorEffect[]) => effects.find((effect) => effect.kind === 'wait')?.ms;

const page = (token: string, resourceVersion = '100') => ({ kind: 'page', token, resourceVersion }) as const;
const fail = (reason: 'expired' | 'gone' | 'other') => ({ kind: 'failed', reason, message: 'no' }) as const;

function watching() {
  const reflector = aReflector();
  reflector.tell({ kind: 'started' });
  reflector.tell({ kind: 'located' });
  reflector.tell(page(''));
  reflector.tell({ kind: 'opened' });
  return reflector;
}

test('everything is listed in pages, then watched from the version of the list', () => {
  const reflector = aReflector();
  assert.deepEqual(reflector.tell({ kind: 'started' }), [{ kind: 'locate' }]);
  assert.deepEqual(reflector.tell({ kind: 'located' }), [{ kind: 'list', token: '' }]);
  assert.deepEqual(reflector.tell(page('next')), [{ kind: 'list', token: 'next' }]);
  assert.equal(reflector.state().hasListed, false);
  assert.deepEqual(reflector.tell(page('')), [
    { kind: 'synced' },
    { kind: 'watch', resourceVersion: '100', timeoutSeconds: 450 },
  ]);
  assert.equal(reflector.state().hasListed, true);
});

test('a watch that ends goes on from the last version heard, at once', () => {
  const reflector = watching();
  reflector.tell({ kind: 'heard', resourceVersion: '120' });
  assert.deepEqual(reflector.tell({ kind: 'ended' }, 400_000), [
    { kind: 'watch', resourceVersion: '120', timeoutSeconds: 450 },
  ]);
});

test('a version that the server has forgotten is listed anew at once, the first time', () => {
  const reflector = watching();
  assert.equal(waitOf(reflector.tell(fail('expired'))), 0);
  assert.deepEqual(reflector.tell({ kind: 'due' }), [{ kind: 'list', token: '' }]);
  const again = () => {
    reflector.tell(page(''));
    reflector.tell({ kind: 'opened' });
    const wait = waitOf(reflector.tell(fail('expired')));
    reflector.tell({ kind: 'due' });
    return wait;
  };
  assert.deepEqual([again(), again(), again()], [500, 1000, 2000], 'a server that always says so is not stormed');
});

test('after an outage the first answer counts, however long it took', () => {
  const reflector = watching();
  for (let i = 0; i < 9; i++) {
    reflector.tell(fail('other'));
    reflector.tell({ kind: 'due' });
  }
  reflector.tell({ kind: 'tick' }, settings.staleMs);
  assert.deepEqual(reflector.tell({ kind: 'opened' }), [], 'it may say yet that it has forgotten the version');
  assert.equal(reflector.state().isStale, true);
  assert.equal(waitOf(reflector.tell(fail('expired'))), 0);
  reflector.tell({ kind: 'due' });
  reflector.tell(page(''));
  reflector.tell({ kind: 'opened' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'tick' }, settings.minLifeMs)), ['log']);
  assert.equal(reflector.state().isStale, false);
});

test('failures wait longer and longer with full jitter, and a watch that lived is a new start', () => {
  const reflector = watching();
  const waits = Array.from({ length: 8 }, () => {
    const wait = waitOf(reflector.tell(fail('other')));
    reflector.tell({ kind: 'due' });
    return wait;
  });
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  reflector.tell({ kind: 'opened' });
  assert.equal(waitOf(reflector.tell(fail('other'), settings.minLifeMs)), 250);
});

test('a server that ends every watch at once is not stormed', () => {
  const reflector = watching();
  const waits = Array.from({ length: 5 }, () => {
    const wait = waitOf(reflector.tell({ kind: 'ended' }));
    reflector.tell({ kind: 'due' });
    reflector.tell({ kind: 'opened' });
    return wait;
  });
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000]);
});

test('a watch on which nothing is heard is given up, and what is known is said to be old until it is watched again', () => {
  const reflector = watching();
  assert.deepEqual(reflector.tell({ kind: 'tick' }, settings.silentMs - 1), []);
  reflector.tell({ kind: 'heard', resourceVersion: '130' });
  assert.deepEqual(reflector.tell({ kind: 'tick' }, settings.silentMs - 1), []);
  const effects = reflector.tell({ kind: 'tick' }, 1);
  assert.deepEqual(kindsOf(effects), ['abort', 'log', 'watch']);
  assert.equal(reflector.state().isStale, true);
  reflector.tell({ kind: 'opened' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'heard', resourceVersion: '131' })), ['log']);
  assert.equal(reflector.state().isStale, false);
});

test('who cannot watch says so once, and again when it can', () => {
  const reflector = watching();
  reflector.tell(fail('other'));
  assert.deepEqual(reflector.tell({ kind: 'tick' }, settings.staleMs - 1), []);
  const [log] = reflector.tell({ kind: 'tick' }, 1);
  assert.ok(log?.kind === 'log' && /cannot be watched since 15 s \(no\)/.test(log.message), JSON.stringify(log));
  assert.deepEqual(reflector.tell({ kind: 'tick' }, 60_000), []);
  reflector.tell({ kind: 'due' });
  reflector.tell({ kind: 'opened' });
  const [again] = reflector.tell({ kind: 'heard', resourceVersion: '9' });
  assert.ok(again?.kind === 'log' && /watched again after 75 s/.test(again.message), JSON.stringify(again));
});

test('a kind that is not installed counts as listed, and is taken up when it comes', () => {
  const reflector = aReflector();
  reflector.tell({ kind: 'started' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' })), ['log', 'synced', 'wait']);
  assert.deepEqual(reflector.tell({ kind: 'due' }, 7500), [{ kind: 'locate' }]);
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' })), ['wait'], 'it is said once');
  assert.deepEqual(reflector.tell({ kind: 'tick' }, 100_000), [], 'nothing of it is old');
  reflector.tell({ kind: 'due' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'located' })), ['log', 'list']);
});

test('the objects of a kind that vanishes hold until it is sure to be gone', () => {
  const reflector = watching();
  assert.equal(waitOf(reflector.tell(fail('gone'))), 0);
  assert.deepEqual(reflector.tell({ kind: 'due' }), [{ kind: 'locate' }]);
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' })), ['log', 'wait']);
  reflector.tell({ kind: 'due' }, settings.forgetMs - 1);
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' })), ['wait']);
  reflector.tell({ kind: 'due' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' }, 1)), ['forget', 'wait']);
  reflector.tell({ kind: 'due' });
  assert.deepEqual(kindsOf(reflector.tell({ kind: 'absent' }, settings.forgetMs)), ['wait'], 'once');
});

test('a refresh lists anew whatever goes on', () => {
  assert.deepEqual(kindsOf(watching().tell({ kind: 'refresh' })), ['abort', 'list']);
  const waiting = watching();
  waiting.tell(fail('other'));
  assert.deepEqual(kindsOf(waiting.tell({ kind: 'refresh' })), ['abort', 'list']);
});

test('whatever happens, exactly one thing is under way', () => {
  const kinds = ['located', 'absent', 'opened', 'ended', 'due', 'tick', 'refresh', 'page', 'heard', 'failed'] as const;
  const event = fc.record({ kind: fc.constantFrom(...kinds), after: fc.integer({ min: 0, max: 200_000 }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.integer(), (events, seed) => {
      const random = seededRandom(seed);
      const reflector = aReflector(random);
      let underWay = 'locate';
      assert.deepEqual(reflector.tell({ kind: 'started' }), [{ kind: 'locate' }]);
      for (const { kind, after } of events) {
        if (!fits(kind, underWay)) continue;
        const reason = random() < 0.3 ? 'expired' : random() < 0.5 ? 'gone' : 'other';
        const told = kind === 'page' ? page(random() < 0.5 ? 'x' : '') : kind === 'failed' ? fail(reason) : { kind };
        const effects = reflector.tell(kind === 'heard' ? { kind, resourceVersion: '7' } : (told as Told), after);
        const begun = kindsOf(effects).filter((name) => ['locate', 'list', 'watch', 'wait'].includes(name));
        const endsIt = ['located', 'absent', 'ended', 'failed', 'page', 'due'].includes(kind);
        assert.equal(begun.length, endsIt || kindsOf(effects).includes('abort') ? 1 : 0, `${kind} of ${underWay}`);
        underWay = begun[0] ?? underWay;
      }
    }),
  );
});

/** Whether the world can tell this while that is under way. */
function fits(event: string, underWay: string): boolean {
  if (event === 'tick' || event === 'refresh') return true;
  const answers: Record<string, readonly string[]> = {
    locate: ['located', 'absent', 'failed'],
    list: ['page', 'failed'],
    watch: ['opened', 'heard', 'ended', 'failed'],
    wait: ['due'],
  };
  return answers[underWay]?.includes(event) === true;
}
