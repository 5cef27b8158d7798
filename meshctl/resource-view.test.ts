import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAmongAll, knownKinds, parseKind } from './resource-view.ts';

test('kinds are named in full, in the plural, or in short', () => {
  const named = (...texts: readonly string[]) => texts.map(parseKind);
  assert.deepEqual(named('vs', 'virtualservices', 'VirtualService'), Array(3).fill('VirtualService'));
  assert.deepEqual(named('serviceentries', 'po', 'pods', 'ns', 'endpointslices'), [
    'ServiceEntry',
    'Pod',
    'Pod',
    'Namespace',
    'EndpointSlice',
  ]);
  assert.deepEqual(named('all', 'deployments'), [null, null]);
});

test('what a cluster says about itself is shown when it is asked for, not among all', () => {
  const hidden = knownKinds.filter((kind) => !isAmongAll(kind));
  assert.deepEqual(hidden, ['Pod', 'EndpointSlice', 'Node', 'Namespace']);
});
