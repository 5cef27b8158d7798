import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSplitter } from './line-splitter.ts';

test('lines come whole, however they are cut', () => {
  const lines = new LineSplitter(100);
  assert.deepEqual(lines.push('{"a"'), []);
  assert.deepEqual(lines.push(':1}\n\n{"b":2}\n{'), ['{"a":1}', '{"b":2}']);
  assert.deepEqual(lines.push('}\n'), ['{}']);
  assert.deepEqual(lines.push('\n'), []);
});

test('a line without end is refused', () => {
  const lines = new LineSplitter(5);
  lines.push('12345');
  assert.throws(() => lines.push('6'), { code: 'resource_exhausted' });
});
