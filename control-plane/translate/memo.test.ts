import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Memo } from './memo.ts';

suite('memo', () => {
  test('builds again only when an input is another object', () => {
    const memo = new Memo();
    const input = {};
    let built = 0;
    const get = (other: object) => memo.get('key', [other, 1], () => ({ number: ++built }));
    const first = get(input);
    assert.equal(get(input), first);
    assert.notEqual(get({}), first);
    assert.equal(built, 2);
  });

  test('keeps the old object when the new one is equal', () => {
    const memo = new Memo();
    const first = memo.get('key', [{}], () => ({ list: [1, { two: 2 }] }));
    assert.equal(
      memo.get('key', [{}], () => ({ list: [1, { two: 2 }] })),
      first,
    );
    assert.equal(memo.intern('key', { list: [1, { two: 2 }] }), first);
    assert.notEqual(memo.intern('key', { list: [1, { two: 3 }] }), first);
  });

  test('forgets what has not been used for many generations', () => {
    const memo = new Memo();
    const input = {};
    const first = memo.get('key', [input], () => ({}));
    memo.advance(16);
    assert.equal(
      memo.get('key', [input], () => ({})),
      first,
    );
    memo.advance(100);
    assert.notEqual(
      memo.get('key', [input], () => ({})),
      first,
    );
  });
});
