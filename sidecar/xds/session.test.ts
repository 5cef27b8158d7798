import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aPackedMessage } from '#shared/xds/packed.fixture.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import type { TypedMessage } from '#shared/xds/typed.ts';
import { emptySnapshot } from '../snapshot/snapshot.ts';
import {
  initialXdsState,
  initialXdsStateWithNames,
  stepXds,
  type XdsEffect,
  type XdsEvent,
  type XdsState,
} from './session.ts';
import { warmSnapshot } from './warming.ts';

const anEdsCluster = (name: string, extra: object = {}): TypedMessage => ({
  '@type': typeUrls.cluster,
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: { ads: {} }, service_name: name },
  ...extra,
});
const endpointsOf = (name: string): TypedMessage => ({ '@type': typeUrls.endpoints, cluster_name: name });
const aListener = (name: string, routes: string): TypedMessage => ({
  '@type': typeUrls.listener,
  name,
  address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
  bind_to_port: false,
  filter_chains: [
    {
      filters: [
        {
          name: 'http',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            rds: { route_config_name: routes, config_source: { ads: {} } },
            http_filters: [
              {
                name: 'router',
                typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
              },
            ],
          },
        },
      ],
    },
  ],
});

const received = (message: TypedMessage, version = '1') => ({
  name: String(message['name'] ?? message['cluster_name']),
  version,
  message: aPackedMessage(message),
});
const response = (
  type: 'cluster' | 'endpoints' | 'listener' | 'routes',
  messages: TypedMessage[],
  options: { nonce?: string; removed?: string[]; version?: string } = {},
): XdsEvent => ({
  kind: 'response',
  type,
  nonce: options.nonce ?? 'n1',
  resources: messages.map((message) => received(message, options.version)),
  removed: options.removed ?? [],
});

function play(events: XdsEvent[], from: XdsState = initialXdsState): [XdsState, XdsEffect[]] {
  let state = from;
  const effects: XdsEffect[] = [];
  for (const event of events) {
    const [next, more] = stepXds(state, event);
    state = next;
    effects.push(...more);
  }
  return [state, effects];
}
const requests = (effects: XdsEffect[]) => effects.filter((effect) => effect.kind === 'request');

test('asks for clusters and listeners by wildcard on connecting', () => {
  const [, effects] = play([{ kind: 'connected' }]);
  assert.deepEqual(
    requests(effects).map((request) => [request.type, request.subscribe]),
    [
      ['cluster', ['*']],
      ['listener', ['*']],
    ],
  );
});

test('asks for names where there is a DNS proxy, keeps them by host, and a bad address does no harm', () => {
  const table = {
    'a.example': { ips: ['10.0.0.1', 'none'], registry: 'Kubernetes', shortname: 'a', namespace: 'shop' },
    'b.example': {},
  };
  const message = aPackedMessage({ '@type': typeUrls.nameTable, table });
  const resources = [{ name: 'names', version: '1', message }];
  const [state, effects] = play(
    [{ kind: 'connected' }, { kind: 'response', type: 'nameTable', nonce: 'n1', resources, removed: [] }],
    initialXdsStateWithNames,
  );
  assert.deepEqual(
    requests(effects).map(({ type, subscribe, nonce, error }) => [type, subscribe, nonce, error]),
    [
      ['cluster', ['*'], '', null],
      ['listener', ['*'], '', null],
      ['nameTable', ['*'], '', null],
      ['nameTable', [], 'n1', null],
    ],
  );
  const decoded = state.held.nameTable.get('names')?.decoded;
  assert.ok(decoded?.type === 'nameTable');
  const empty = { isKubernetes: false, shortname: '', namespace: '', otherHosts: [] };
  assert.deepEqual(
    [...decoded.value],
    [
      ['a.example', { ...empty, addresses: ['10.0.0.1'], isKubernetes: true, shortname: 'a', namespace: 'shop' }],
      ['b.example', { ...empty, addresses: [] }],
    ],
  );
});

test('names that lie on disk are taken where there is a DNS proxy only', () => {
  const message = aPackedMessage({ '@type': typeUrls.nameTable, table: {} });
  const resources = [{ type: 'nameTable', name: 'names', version: '1', message }] as const;
  const held = (from: XdsState) => stepXds(from, { kind: 'restored', resources })[0].held.nameTable.size;
  assert.deepEqual([held(initialXdsState), held(initialXdsStateWithNames)], [0, 1]);
});

test('acknowledges clusters and asks for their endpoints', () => {
  const [connected] = play([{ kind: 'connected' }]);
  const [, effects] = play([response('cluster', [anEdsCluster('a'), anEdsCluster('b')], { nonce: 'n7' })], connected);
  assert.deepEqual(requests(effects), [
    { kind: 'request', type: 'cluster', subscribe: [], unsubscribe: [], initialVersions: {}, nonce: 'n7', error: null },
    {
      kind: 'request',
      type: 'endpoints',
      subscribe: ['a', 'b'],
      unsubscribe: [],
      initialVersions: {},
      nonce: '',
      error: null,
    },
  ]);
});

test('refuses a bad cluster with the path of the field, applies the good one, and keeps the last good form', () => {
  const [before] = play([{ kind: 'connected' }, response('cluster', [anEdsCluster('a')])]);
  const [state, effects] = play(
    [
      response('cluster', [anEdsCluster('a', { lb_policy: 'LOAD_BALANCING_POLICY_CONFIG' }), anEdsCluster('b')], {
        nonce: 'n2',
        version: '2',
      }),
    ],
    before,
  );
  assert.match(requests(effects)[0]?.error ?? '', /^a: lb_policy: LOAD_BALANCING_POLICY_CONFIG is not supported$/);
  assert.deepEqual(
    [...state.held.cluster.values()].map((held) => [held.name, held.version]),
    [
      ['a', '1'],
      ['b', '2'],
    ],
  );
  assert.match(state.refused.cluster ?? '', /lb_policy/);
});

test('a resource whose bytes are none is refused alone', () => {
  const broken = { name: 'a', version: '1', message: { typeUrl: typeUrls.cluster, octets: '\xff' } };
  const resources = [broken, received(anEdsCluster('b'))];
  const [state] = play([
    { kind: 'connected' },
    { kind: 'response', type: 'cluster', nonce: 'n', resources, removed: [] },
  ]);
  assert.match(
    state.refused.cluster ?? '',
    /^a: the bytes are no type\.googleapis\.com\/envoy\.config\.cluster\.v3\.Cluster: /,
  );
  assert.deepEqual([...state.held.cluster.keys()], ['b']);
});

test('a field that nothing reads is refused by name', () => {
  const [state] = play([{ kind: 'connected' }, response('cluster', [anEdsCluster('a', { lrs_server: {} })])]);
  assert.equal(state.refused.cluster, 'a: lrs_server: is not supported');
});

test('a cluster is warm only when its endpoints are known; its former form serves meanwhile', () => {
  const [cold] = play([{ kind: 'connected' }, response('cluster', [anEdsCluster('a')])]);
  assert.deepEqual(warmSnapshot(cold, emptySnapshot).waiting, ['cluster a']);
  const [warm] = play([response('endpoints', [endpointsOf('a')])], cold);
  const first = warmSnapshot(warm, emptySnapshot).snapshot;
  assert.deepEqual([...first.clusters.keys()], ['a']);
  const changed = anEdsCluster('a', { eds_cluster_config: { service_name: 'other', eds_config: { ads: {} } } });
  const [waiting] = play([response('cluster', [changed], { version: '2' })], warm);
  const second = warmSnapshot(waiting, first);
  assert.deepEqual(second.waiting, ['cluster a']);
  assert.equal(second.snapshot.clusters.get('a'), first.clusters.get('a'));
});

test('a listener waits for its routes; an answer that there are none ends the waiting', () => {
  const [cold] = play([{ kind: 'connected' }, response('listener', [aListener('l', '80')])]);
  assert.deepEqual(warmSnapshot(cold, emptySnapshot).waiting, ['listener l']);
  const [warm] = play([response('routes', [], { removed: ['80'] })], cold);
  assert.deepEqual(warmSnapshot(warm, emptySnapshot).waiting, []);
});

test('a new stream tells the versions that are held, so that nothing unchanged is sent again', () => {
  const [state] = play([
    { kind: 'connected' },
    response('cluster', [anEdsCluster('a')], { version: 'v5' }),
    response('endpoints', [endpointsOf('a')], { version: 'e9' }),
    { kind: 'disconnected' },
  ]);
  const [, effects] = play([{ kind: 'connected' }], state);
  const first = new Map(requests(effects).map((request) => [request.type, request]));
  assert.deepEqual(first.get('cluster')?.initialVersions, { a: 'v5' });
  assert.deepEqual(first.get('endpoints')?.initialVersions, { a: 'e9' });
  assert.deepEqual(first.get('endpoints')?.subscribe, ['a']);
});

test('a removed cluster takes its subscription and its endpoints along', () => {
  const [state] = play([
    { kind: 'connected' },
    response('cluster', [anEdsCluster('a')]),
    response('endpoints', [endpointsOf('a')]),
  ]);
  const [after, effects] = play([response('cluster', [], { removed: ['a'], nonce: 'n9' })], state);
  assert.deepEqual(requests(effects)[1]?.unsubscribe, ['a']);
  assert.equal(after.held.endpoints.size, 0);
});

test('what was restored from disk is published, and asked for with its versions', () => {
  const [state, effects] = play([
    {
      kind: 'restored',
      resources: [
        { type: 'cluster', ...received(anEdsCluster('a'), 'v1') },
        { type: 'endpoints', ...received(endpointsOf('a'), 'v1') },
      ],
    },
  ]);
  assert.deepEqual(effects, [{ kind: 'publish' }]);
  assert.deepEqual([...warmSnapshot(state, emptySnapshot).snapshot.clusters.keys()], ['a']);
});

test('equal parts of resources that come together are one object', () => {
  const limits = { circuit_breakers: { thresholds: [{ max_connections: 7 }] } };
  const [state] = play([
    { kind: 'connected' },
    response('cluster', [anEdsCluster('a', limits), anEdsCluster('b', limits)]),
  ]);
  const [a, b] = [...state.held.cluster.values()].map(({ decoded }) => decoded.type === 'cluster' && decoded.value);
  assert.ok(a && b);
  assert.equal(a.breakers.default.maxConnections, 7);
  assert.equal(a.breakers, b.breakers);
  assert.notEqual(a.discovery, b.discovery);
});
