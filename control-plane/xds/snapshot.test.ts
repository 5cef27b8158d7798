import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage } from '#shared/xds/codec.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { danglingReferences, toSnapshot } from './snapshot.ts';

const cluster: TypedMessage = { '@type': typeUrls.cluster, name: 'a', type: 'EDS' };
const renamed: TypedMessage = { ...cluster, name: 'b', eds_cluster_config: { service_name: 'b-endpoints' } };
const listener: TypedMessage = {
  '@type': typeUrls.listener,
  name: 'l',
  filter_chains: [
    {
      filters: [
        {
          name: 'hcm',
          typed_config: {
            '@type': `type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'l',
            rds: { route_config_name: '80', config_source: { ads: {}, resource_api_version: 'V3' } },
          },
        },
      ],
    },
  ],
};
const typed = new Map([
  [
    typeUrls.cluster,
    new Map([
      ['a', cluster],
      ['b', renamed],
    ]),
  ],
  [typeUrls.endpoints, new Map([['a', { '@type': typeUrls.endpoints, cluster_name: 'a' }]])],
  [typeUrls.listener, new Map([['l', listener]])],
]);

test('encodes each resource, with its version, references and origins', () => {
  const snapshot = toSnapshot(3, typed, (message) => (message === cluster ? ['Service/default/a'] : undefined));
  const encoded = snapshot.resources.get(typeUrls.cluster)?.get('a');
  assert.ok(encoded);
  assert.deepEqual(decodeMessage(typeUrls.cluster, encoded.body), cluster);
  assert.deepEqual(encoded.origins, ['Service/default/a']);
  assert.deepEqual(encoded.references, ['a']);
  assert.deepEqual(snapshot.resources.get(typeUrls.cluster)?.get('b')?.references, ['b-endpoints']);
  assert.deepEqual(snapshot.resources.get(typeUrls.listener)?.get('l')?.references, ['80']);
  assert.equal(snapshot.generation, 3);
});

test('what is the same message is not encoded again, and what is equal has the same version', () => {
  const one = toSnapshot(1, typed).resources.get(typeUrls.cluster)?.get('a');
  const again = toSnapshot(2, typed).resources.get(typeUrls.cluster)?.get('a');
  const copy = toSnapshot(2, new Map([[typeUrls.cluster, new Map([['a', { ...cluster }]])]]));
  assert.equal(one?.body, again?.body);
  assert.equal(copy.resources.get(typeUrls.cluster)?.get('a')?.version, one?.version);
  assert.notEqual(copy.resources.get(typeUrls.cluster)?.get('a')?.body, one?.body);
});

test('a map that is the same gives the same map, one that is a copy gives the same bodies', () => {
  const one = toSnapshot(1, typed);
  const same = toSnapshot(2, new Map(typed));
  const clusters = new Map(typed.get(typeUrls.cluster));
  const copied = toSnapshot(3, new Map(typed).set(typeUrls.cluster, clusters));
  assert.equal(same.resources.get(typeUrls.cluster), one.resources.get(typeUrls.cluster));
  assert.notEqual(copied.resources.get(typeUrls.cluster), one.resources.get(typeUrls.cluster));
  assert.deepEqual(copied.resources, one.resources);
});

test('names what a snapshot refers to and does not have', () => {
  assert.deepEqual(
    danglingReferences(toSnapshot(1, typed)).map(({ path, message }) => `${path}: ${message}`),
    [
      'Cluster[b]: ClusterLoadAssignment b-endpoints is not in the snapshot',
      'Listener[l]: RouteConfiguration 80 is not in the snapshot',
    ],
  );
});
