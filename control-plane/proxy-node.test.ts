import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import { toJoiningWorkload, toProxyNode } from './proxy-node.ts';

const aNode = (metadata: XdsNode['metadata'] = {}, fields: Partial<XdsNode> = {}): XdsNode => ({
  id: 'sidecar~10.0.0.1~orders-1.shop~shop.svc.cluster.local',
  cluster: 'orders',
  metadata,
  ...fields,
});
const read = (node: XdsNode) => {
  const result = toProxyNode(node, defaultMeshConfig);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
};

test('what the metadata does not say is read from the id', () => {
  const { name, namespace, serviceAccount, ipAddresses, interception, compat } = read(aNode());
  assert.deepEqual(
    { name, namespace, serviceAccount, ipAddresses, interception, compat },
    {
      name: 'orders-1',
      namespace: 'shop',
      serviceAccount: 'default',
      ipAddresses: ['10.0.0.1'],
      interception: 'REDIRECT',
      compat: 'tulle',
    },
  );
});

test('the metadata wins, as Istio’s keys have it', () => {
  const node = read(
    aNode(
      {
        NAME: 'o',
        NAMESPACE: 'other',
        SERVICE_ACCOUNT: 'orders',
        INSTANCE_IPS: '10.0.0.2, fd00::2',
        LABELS: { app: 'orders', version: 2 },
        INTERCEPTION_MODE: 'NONE',
        PROXY_CONFIG: { proxyMetadata: { TULLE_COMPAT: 'istio' } },
      },
      { locality: { region: 'r', zone: 'z', sub_zone: 's' } },
    ),
  );
  const { metadata: _, id: __, ...rest } = node;
  assert.deepEqual(rest, {
    name: 'o',
    namespace: 'other',
    serviceAccount: 'orders',
    ipAddresses: ['10.0.0.2', 'fd00::2'],
    labels: { app: 'orders', version: '2' },
    locality: { region: 'r', zone: 'z', subzone: 's' },
    compat: 'istio',
    interception: 'NONE',
  });
});

test('interception is as it is said: REDIRECT, TPROXY or NONE; anything else is REDIRECT', () => {
  const modes = ['TPROXY', 'NONE', 'REDIRECT', 'none', ''].map((mode) => read(aNode({ INTERCEPTION_MODE: mode })));
  assert.deepEqual(
    modes.map(({ interception }) => interception),
    ['TPROXY', 'NONE', 'REDIRECT', 'REDIRECT', 'REDIRECT'],
  );
});

test('a node that is none is refused by name', () => {
  for (const id of ['', 'envoy', 'router~10.0.0.1~a.b~c', 'sidecar~~a.b~c', 'sidecar~1~2~3~4']) {
    const result = toProxyNode(aNode({}, { id }), defaultMeshConfig);
    assert.equal(result.ok ? '' : result.problems[0]?.path, 'node.id', id);
  }
  const nameless = toProxyNode(aNode({}, { id: 'sidecar~10.0.0.1~orders~x' }), defaultMeshConfig);
  assert.deepEqual(nameless.ok ? [] : nameless.problems.map(({ path }) => path), ['node.metadata.NAMESPACE']);
});

test('metadata of any form disturbs nobody', () => {
  const odd = { toString: 0, valueOf: 0 };
  const node = read(
    aNode({
      NAME: odd,
      LABELS: { app: odd, version: 'v1' },
      PROXY_CONFIG: { proxyMetadata: { TULLE_COMPAT: odd } },
      TULLE_REGISTER: odd,
      TULLE_INBOUND: { 80: odd, 81: 1081 },
    }),
  );
  assert.deepEqual([node.name, node.labels], ['orders-1', { version: 'v1' }]);
  assert.equal(toJoiningWorkload(node), null);
  const joining = toJoiningWorkload(
    read(aNode({ TULLE_REGISTER: 'true', TULLE_INBOUND: { 80: odd, 81: 1081, 82: 'x', 83: '1083' } })),
  );
  assert.deepEqual(joining?.ports, { 81: 1081, 83: 1083 });
});

test('a workload joins when it asks, or names a group', () => {
  const register = toJoiningWorkload(read(aNode({ TULLE_REGISTER: true })));
  const group = toJoiningWorkload(read(aNode({ AUTO_REGISTER_GROUP: 'orders' })));
  assert.deepEqual([register?.group, register?.address, group?.group], ['', '10.0.0.1', 'orders']);
  assert.equal(toJoiningWorkload(read(aNode())), null);
});
