import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { PartPool } from './part-pool.ts';

describe('PartPool', () => {
  it('makes one of equal parts, at any depth and in other values', () => {
    const pool = new PartPool();
    const first = pool.share({ name: 'a', http: { protocol: 'auto', limits: [1, 2] }, none: [] });
    const second = pool.share({ name: 'b', http: { protocol: 'auto', limits: [1, 2] }, none: [], more: [[1, 2]] });
    assert.deepEqual(second, { name: 'b', http: { protocol: 'auto', limits: [1, 2] }, none: [], more: [[1, 2]] });
    assert.equal(first.http, second.http);
    assert.equal(first.none, second.none);
    assert.equal(second.more[0], first.http.limits);
    assert.equal(pool.share({ name: 'a', http: { protocol: 'auto', limits: [1, 2] }, none: [] }), first);
  });

  it('tells apart what only looks alike', () => {
    const pool = new PartPool();
    const unlike: unknown[] = [
      [],
      {},
      [null],
      ['null'],
      [undefined],
      [0],
      ['0'],
      [false],
      [[]],
      ['#0'],
      { a: 1, b: 2 },
      { 'a:1,"b': 2 },
      { 0: 1 },
      [1],
      { a: '1' },
      { a: 1 },
    ];
    assert.equal(new Set(unlike.map((value) => pool.share(value))).size, unlike.length);
  });

  it('leaves objects of other kinds as they are, each for itself', () => {
    const pool = new PartPool();
    const [one, other] = [{ upgrades: new Map([['a', 1]]) }, { upgrades: new Map([['b', 2]]) }];
    assert.equal(pool.share(one).upgrades.get('a'), 1);
    assert.equal(pool.share(other).upgrades.get('b'), 2);
  });

  it('never changes what a value says', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const pool = new PartPool();
        assert.deepEqual(
          structuredClone(values).map((value) => pool.share(value)),
          values,
        );
      }),
    );
  });
});
