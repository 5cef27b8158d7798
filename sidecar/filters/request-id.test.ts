import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRequestId } from './request-id.ts';

test('request ids are random UUIDs of version 4, none twice', () => {
  const ids = Array.from({ length: 10_000 }, newRequestId);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('each digit of an id takes all of its values', () => {
  const seen = Array.from({ length: 36 }, () => new Set<string>());
  for (let i = 0; i < 1000; i++) for (const [at, digit] of newRequestId().split('').entries()) seen[at]?.add(digit);
  const expected = 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.split('').map((kind) => ({ x: 16, y: 4 })[kind] ?? 1);
  assert.deepEqual(
    seen.map(({ size }) => size),
    expected,
  );
});
