import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { applyPatch, createPatch } from './json-patch.ts';

test('the same documents need no patch, whatever the order of their members', () => {
  assert.deepEqual(createPatch({ a: 1, b: [{ c: 2 }] }, { b: [{ c: 2 }], a: 1 }), []);
});

test('a member is added, replaced, removed by its path; / and ~ in names are escaped', () => {
  assert.deepEqual(createPatch({ a: 1, b: 2, 'x/~y': 3 }, { a: 1, b: 4, 'n/~m': 5 }), [
    { op: 'replace', path: '/b', value: 4 },
    { op: 'remove', path: '/x~1~0y' },
    { op: 'add', path: '/n~1~0m', value: 5 },
  ]);
});

test('a container that comes first leaves those after it alone', () => {
  const app = { name: 'app', image: 'a' };
  const proxy = { name: 'proxy', image: 'p' };
  assert.deepEqual(createPatch([app], [proxy, { ...app, image: 'b' }]), [
    { op: 'add', path: '/0', value: proxy },
    { op: 'replace', path: '/1/image', value: 'b' },
  ]);
  assert.deepEqual(createPatch([app], [app, proxy]), [{ op: 'add', path: '/-', value: proxy }]);
  assert.deepEqual(createPatch([proxy, app], [app]), [{ op: 'remove', path: '/0' }]);
});

test('lists of plain values, and of elements that cannot be told apart, are replaced as a whole', () => {
  assert.deepEqual(createPatch({ args: ['a', 'b'] }, { args: ['a', 'c', 'b'] }), [
    { op: 'replace', path: '/args', value: ['a', 'c', 'b'] },
  ]);
  const twins = [{ name: 'a' }, { name: 'a' }];
  assert.deepEqual(createPatch(twins, [{ name: 'a' }]), [{ op: 'replace', path: '', value: [{ name: 'a' }] }]);
});

test('a patch makes of any document any other, and is the same each time', () => {
  const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string());
  const named = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), x: leaf }, { noNullPrototype: true });
  const list = fc.oneof(fc.uniqueArray(named, { selector: ({ name }) => name }), fc.array(leaf), fc.array(named));
  const name = fc
    .oneof(fc.constantFrom('a', 'b/c', '~d', 'toString'), fc.string())
    .filter((one) => one !== '__proto__');
  const map = <T>(value: fc.Arbitrary<T>) => fc.dictionary(name, value, { noNullPrototype: true });
  const document = map(fc.oneof(leaf, list, map(list)));
  fc.assert(
    fc.property(document, document, (before, after) => {
      const patch = createPatch(before, after);
      assert.deepEqual(applyPatch(before, patch), after);
      assert.deepEqual(createPatch(before, after), patch);
    }),
    { numRuns: 500, seed: 5 },
  );
});

test('an operation that does not fit is an error, and the document stays', () => {
  const document = { list: [1] };
  for (const operation of [
    { op: 'remove', path: '/other' },
    { op: 'replace', path: '/list/1', value: 2 },
    { op: 'add', path: '/list/5', value: 2 },
    { op: 'add', path: '/a/b', value: 2 },
  ] as const)
    assert.throws(() => applyPatch(document, [operation]), /there is no such/);
  assert.deepEqual(document, { list: [1] });
});
