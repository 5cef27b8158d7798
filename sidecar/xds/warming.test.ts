import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aPackedMessage } from '#shared/xds/packed.fixture.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { emptySnapshot, type Snapshot } from '../snapshot/snapshot.ts';
import { initialXdsState, stepXds, type XdsState } from './session.ts';
import type { SidecarType } from './resource-types.ts';
import { warmSnapshot } from './warming.ts';

const type = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
const anEdsCluster = (name: string, service = name): TypedMessage => ({
  '@type': typeUrls.cluster,
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: { ads: {} }, service_name: service },
});
const endpoints = (name: string): TypedMessage => ({ '@type': typeUrls.endpoints, cluster_name: name });
const table = (name: string): TypedMessage => ({ '@type': typeUrls.routes, name });
const aListener = (name: string, ...routes: string[]): TypedMessage => ({
  '@type': typeUrls.listener,
  name,
  address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
  filter_chains: routes.map((route) => ({
    filters: [
      {
        name: 'http',
        typed_config: {
          '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
          rds: { route_config_name: route, config_source: { ads: {} } },
          http_filters: [{ name: 'router', typed_config: { '@type': type('http.router.v3.Router') } }],
        },
      },
    ],
  })),
});

function hold(state: XdsState, kind: SidecarType, messages: TypedMessage[], removed: string[] = []): XdsState {
  const resources = messages.map((message) => ({
    name: String(message['name'] ?? message['cluster_name']),
    version: '1',
    message: aPackedMessage(message),
  }));
  return stepXds(state, { kind: 'response', type: kind, nonce: 'n', resources, removed })[0];
}

const [connected] = stepXds(initialXdsState, { kind: 'connected' });
const names = ({ clusters, listeners, routes }: Snapshot) => ({
  clusters: [...clusters.keys()],
  listeners: [...listeners.keys()],
  routes: [...routes.keys()],
});

test('what needs nobody is warm at once', () => {
  const state = hold(connected, 'cluster', [{ '@type': typeUrls.cluster, name: 'static' }]);
  const { snapshot, waiting } = warmSnapshot(state, emptySnapshot);
  assert.deepEqual([names(snapshot).clusters, waiting], [['static'], []]);
});

test('a cluster for whose endpoints there is nothing is warm and empty', () => {
  const cold = hold(connected, 'cluster', [anEdsCluster('a')]);
  const state = hold(cold, 'endpoints', [], ['a']);
  const { snapshot, waiting } = warmSnapshot(state, emptySnapshot);
  assert.deepEqual(waiting, []);
  assert.deepEqual(snapshot.endpoints.get('a')?.localities, []);
});

test('a listener waits for all of its tables', () => {
  const cold = hold(connected, 'listener', [aListener('l', 'one', 'two')]);
  const half = hold(cold, 'routes', [table('one')]);
  assert.deepEqual(warmSnapshot(half, emptySnapshot).waiting, ['listener l']);
  const warm = warmSnapshot(hold(half, 'routes', [table('two')]), emptySnapshot);
  assert.deepEqual([names(warm.snapshot).listeners, warm.waiting], [['l'], []]);
});

test('a listener that changed to a table that is not there yet serves on, with its former table', () => {
  const before = hold(hold(connected, 'listener', [aListener('l', 'old')]), 'routes', [table('old')]);
  const first = warmSnapshot(before, emptySnapshot).snapshot;
  const changed = hold(before, 'listener', [aListener('l', 'new')]);
  const { snapshot, waiting } = warmSnapshot(changed, first);
  assert.deepEqual(waiting, ['listener l']);
  assert.equal(snapshot.listeners.get('l'), first.listeners.get('l'));
  assert.equal(snapshot.routes.get('old'), first.routes.get('old'));
});

test('what is gone is gone, and what did not change stays the same object', () => {
  const before = hold(hold(connected, 'cluster', [anEdsCluster('a'), anEdsCluster('b')]), 'endpoints', [
    endpoints('a'),
    endpoints('b'),
  ]);
  const first = warmSnapshot(before, emptySnapshot).snapshot;
  const second = warmSnapshot(hold(before, 'cluster', [], ['b']), first).snapshot;
  assert.deepEqual(names(second).clusters, ['a']);
  assert.equal(second.clusters.get('a'), first.clusters.get('a'));
  assert.equal(second.endpoints.get('a'), first.endpoints.get('a'));
});
