import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDownwardApi } from './downward-api.ts';

const valueOf = (quoted: string) => {
  const parsed = parseDownwardApi('labels', `key=${quoted}`);
  return parsed.ok ? parsed.value['key'] : parsed.problems.map(({ path, message }) => `${path}: ${message}`).join();
};

test('a file of the downward API is a line each, and what is no pair is passed over', () => {
  const text = 'app="orders"\nversion="v1"\nconfig="a=b"\nempty=""\n\nno pair\n';
  assert.deepEqual(parseDownwardApi('labels', text), {
    ok: true,
    value: { app: 'orders', version: 'v1', config: 'a=b', empty: '' },
    warnings: [],
  });
  assert.deepEqual(parseDownwardApi('labels', ''), { ok: true, value: {}, warnings: [] });
});

const escapes: readonly (readonly [quoted: string, value: string])[] = [
  [String.raw`"{\"a\":\"b\"}"`, '{"a":"b"}'],
  [String.raw`"one\ntwo\ttab\\slash"`, 'one\ntwo\ttab\\slash'],
  [String.raw`"\a\b\f\r\v"`, '\u0007\b\f\r\v'],
  [String.raw`"\u00fc\U0001f600"`, 'ü😀'],
  [String.raw`"\xc3\xbc"`, 'ü'],
  [String.raw`"\303\274"`, 'ü'],
  ['"über 😀"', 'über 😀'],
];
for (const [quoted, value] of escapes)
  test(`${quoted} is read as Go reads it`, () => assert.equal(valueOf(quoted), value));

for (const quoted of ['plain', '"open', '"', '"a"b"', String.raw`"\q"`, String.raw`"\x1"`, String.raw`"\ud800"`])
  test(`${quoted} is refused by the name of its file`, () =>
    assert.equal(valueOf(quoted), 'labels: the value of key is not quoted as Go does'));
