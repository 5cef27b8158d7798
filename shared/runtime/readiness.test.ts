import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readiness } from './readiness.ts';

test('is ready when every gate was opened, and tells each change once', () => {
  const readiness = new Readiness();
  const seen: string[] = [];
  const unsubscribe = readiness.subscribe(() => seen.push(readiness.awaited().join(' ')));
  const [a, b] = [readiness.gate('a'), readiness.gate('b')];
  a();
  a();
  assert.equal(readiness.isReady, false);
  b();
  assert.equal(readiness.isReady, true);
  readiness.close('draining');
  readiness.close('draining');
  assert.deepEqual(seen, ['a', 'a b', 'b', '', 'draining']);
  unsubscribe();
  readiness.close('again');
  assert.equal(seen.length, 5);
});
