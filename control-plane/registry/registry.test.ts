import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkloadGroup } from '#shared/model/resource.ts';
import {
  emptyRegistry,
  nextExpiry,
  stepRegistry,
  type JoiningWorkload,
  type RegistryEvent,
  type RegistryState,
} from './registry.ts';

const aWorkload = (over: Partial<JoiningWorkload> = {}): JoiningWorkload => ({
  name: 'orders-1',
  namespace: 'shop',
  serviceAccount: 'orders',
  labels: { app: 'orders' },
  address: '10.0.0.7',
  ports: { http: 31_001 },
  locality: '',
  group: '',
  ...over,
});
const connected = (
  connection: string,
  over: Partial<JoiningWorkload> = {},
  group: WorkloadGroup | null = null,
): RegistryEvent => ({
  kind: 'connected',
  connection,
  workload: aWorkload(over),
  group,
  atMs: 0,
});
const play = (events: RegistryEvent[], from: RegistryState = emptyRegistry) =>
  events.reduce<[RegistryState, unknown[]]>(
    ([state, all], event) => {
      const [next, changes] = stepRegistry(state, event, 10_000);
      return [next, [...all, ...changes.map((change) => (change.kind === 'upsert' ? change.resource : change))]];
    },
    [from, []],
  );

test('a connecting workload becomes an entry of its node metadata that speaks mutual TLS', () => {
  const [, changes] = play([connected('c1')]);
  assert.deepEqual(changes, [
    {
      kind: 'WorkloadEntry',
      apiVersion: 'networking.istio.io/v1',
      metadata: { name: 'orders-1-10-0-0-7', namespace: 'shop', labels: { app: 'orders' }, annotations: {} },
      spec: {
        address: '10.0.0.7',
        labels: { app: 'orders', 'security.istio.io/tlsMode': 'istio' },
        ports: { http: 31_001 },
        serviceAccount: 'orders',
      },
    },
  ]);
});

test('a lost connection keeps the workload for the grace time, then it is removed', () => {
  const [lost, none] = play([connected('c1'), { kind: 'disconnected', connection: 'c1', atMs: 5000 }]);
  assert.equal(none.length, 1);
  assert.equal(nextExpiry(lost), 15_000);
  assert.deepEqual(play([{ kind: 'tick', atMs: 14_999 }], lost)[1], []);
  const [gone, changes] = play([{ kind: 'tick', atMs: 15_000 }], lost);
  assert.equal(gone.size, 0);
  assert.deepEqual(changes, [
    {
      kind: 'remove',
      key: 'WorkloadEntry/shop/orders-1-10-0-0-7',
      origin: { source: 'registry', file: 'registry', line: 0 },
    },
  ]);
});

test('a workload that comes back within the grace time is never gone, also when the old connection ends late', () => {
  const [state] = play([
    connected('c1'),
    connected('c2'),
    { kind: 'disconnected', connection: 'c1', atMs: 1 },
    { kind: 'tick', atMs: 60_000 },
  ]);
  assert.equal(state.size, 1);
  assert.equal(nextExpiry(state), null);
});

test('health becomes a condition and survives a reconnect', () => {
  const [state, changes] = play([
    connected('c1'),
    { kind: 'health', connection: 'c1', isHealthy: false, message: 'HTTP 500' },
    connected('c2'),
  ]);
  const last = changes.at(-1) as { status?: unknown };
  assert.deepEqual(last.status, { conditions: [{ type: 'Healthy', status: 'False', message: 'HTTP 500' }] });
  assert.equal(state.size, 1);
});

test('the template of its group fills what the workload does not say', () => {
  const group: WorkloadGroup = {
    kind: 'WorkloadGroup',
    apiVersion: 'networking.istio.io/v1',
    metadata: { name: 'vms', namespace: 'shop', labels: {}, annotations: {} },
    spec: { metadata: { labels: { tier: 'back' } }, template: { ports: { grpc: 7070 }, locality: 'r/z', weight: 3 } },
  };
  const [, [entry]] = play([connected('c1', { group: 'vms' }, group)]) as [
    RegistryState,
    { metadata: { name: string }; spec: object }[],
  ];
  assert.equal(entry?.metadata.name, 'vms-10-0-0-7');
  assert.deepEqual(entry?.spec, {
    address: '10.0.0.7',
    labels: { tier: 'back', app: 'orders', 'security.istio.io/tlsMode': 'istio' },
    ports: { grpc: 7070, http: 31_001 },
    serviceAccount: 'orders',
    locality: 'r/z',
    weight: 3,
  });
});

test('what was restored after a restart stays until its sidecar is back, or its time is over', () => {
  const [before] = play([connected('c1')]);
  const entries = [...before.values()].map(({ entry }) => entry);
  const [state, changes] = play([{ kind: 'restored', entries, removeAtMs: 30_000 }]);
  assert.equal(changes.length, 1);
  assert.equal(nextExpiry(state), 30_000);
  assert.equal(nextExpiry(play([connected('c7')], state)[0]), null);
  assert.equal(play([{ kind: 'tick', atMs: 30_000 }], state)[0].size, 0);
});
