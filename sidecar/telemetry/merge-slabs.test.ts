import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeSlabs } from './merge-slabs.ts';
import { renderPrometheus } from './prometheus.ts';
import { countTcp, observeMessages, observeRequest, SeriesRegistry, type PairLabels } from './series.ts';

const pair = (name: string): PairLabels => ({ reporter: 'source', source_workload: name });

test('what is kept of several slabs renders as they do, with as many cells as there are series', () => {
  const [one, other] = [new SeriesRegistry(), new SeriesRegistry()];
  observeRequest(one.group(pair('a'), 'none').request(200, -1, false, 0), 3, 10, 20);
  observeMessages(one.group(pair('a'), 'none').messages(), 4, 5);
  observeRequest(other.group(pair('b'), 'none').request(200, -1, false, 0), 1, 1, 1);
  observeRequest(other.group(pair('a'), 'none').request(200, -1, false, 0), 300, 10, 20);
  countTcp(other.group(pair('a'), 'none').tcp(0), 'sent', 17);
  const merged = mergeSlabs([one.view(), other.view()]);
  assert.equal(renderPrometheus([merged], []), renderPrometheus([one.view(), other.view()], []));
  assert.equal(merged.entries.length, 4);
  assert.equal(mergeSlabs([merged, merged]).cells.length, merged.cells.length);
});
