import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { PrefixViews } from './prefix-views.ts';

test('views show the first octets of the buffer as it is now, whatever their length', () => {
  const views = new PrefixViews(Buffer.alloc(4096));
  for (const length of [0, 1, 2048, 2049, 4096, 2, 1]) {
    views.buffer.fill(length % 251);
    assert.deepEqual(views.take(length), Buffer.alloc(length, length % 251));
  }
});

test('a view of a length that was asked for before is not made again', () => {
  const views = new PrefixViews(Buffer.alloc(64));
  assert.equal(views.take(17), views.take(17));
});
