import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectsLabels, type LabelExpression } from './label-selector.ts';
import { parseMeshConfig } from './mesh-config.ts';

test('a selector wants everything that it says, and without words takes everything', () => {
  const selects = (matchLabels: Record<string, string>, ...matchExpressions: LabelExpression[]) =>
    selectsLabels({ matchLabels, matchExpressions }, { env: 'prod', team: 'a' });
  assert.equal(selects({}), true);
  assert.equal(selects({ env: 'prod' }), true);
  assert.equal(selects({ env: 'test' }), false);
  assert.equal(selects({ constructor: 'x' }), false);
  const expression = (key: string, operator: LabelExpression['operator'], ...values: string[]) =>
    selects({ team: 'a' }, { key, operator, values });
  assert.deepEqual([expression('env', 'In', 'prod'), expression('env', 'In', 'test')], [true, false]);
  assert.deepEqual([expression('env', 'NotIn', 'prod'), expression('no', 'NotIn', 'x')], [false, true]);
  assert.deepEqual([expression('env', 'Exists'), expression('no', 'Exists')], [true, false]);
  assert.deepEqual([expression('env', 'DoesNotExist'), expression('no', 'DoesNotExist')], [false, true]);
});

test('the mesh config names the namespaces that are read', () => {
  const read = parseMeshConfig({
    discoverySelectors: [
      { matchLabels: { mesh: 'on' } },
      { matchExpressions: [{ key: 'env', operator: 'In', values: ['a', 'b'] }] },
    ],
  });
  assert.ok(read.ok);
  assert.deepEqual(read.warnings, []);
  assert.deepEqual(read.value.discoverySelectors, [
    { matchLabels: { mesh: 'on' }, matchExpressions: [] },
    { matchLabels: {}, matchExpressions: [{ key: 'env', operator: 'In', values: ['a', 'b'] }] },
  ]);
  const wrong = parseMeshConfig({
    discoverySelectors: [
      {
        matchExpressions: [
          { key: 'a', operator: 'Is' },
          { operator: 'In' },
          { key: 'a', operator: 'Exists', values: ['b'] },
        ],
      },
      { labels: {} },
      'all',
    ],
  });
  assert.deepEqual(wrong.ok ? [] : wrong.problems.map(({ path }) => path), [
    'discoverySelectors[0].matchExpressions[0].operator',
    'discoverySelectors[0].matchExpressions[1].key',
    'discoverySelectors[0].matchExpressions[1].values',
    'discoverySelectors[0].matchExpressions[2].values',
    'discoverySelectors[1].labels',
    'discoverySelectors[2]',
  ]);
});
