import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import { type Applicant, automaticAddresses, takesAutomaticAddress } from './auto-addresses.ts';
import { resourcesOf } from './test-support.ts';

const wants = (host: string, creationTimestamp = '', namespace = 'default'): Applicant => ({
  host,
  namespace,
  addresses: [],
  takesAutomaticAddress: true,
  creationTimestamp,
});
const hosts = (count: number): Applicant[] =>
  Array.from({ length: count }, (_, i) => wants(`h${i}.example.com`, String(i).padStart(6, '0')));

describe('automatic addresses', () => {
  test('are all different, in their ranges, and never the first or last of a block', () => {
    const found = [...automaticAddresses(hosts(2000)).values()];
    assert.equal(new Set(found.map(({ v4 }) => v4)).size, 2000);
    assert.equal(new Set(found.map(({ v6 }) => v6)).size, 2000);
    for (const { v4, v6 } of found) {
      assert.ok(isIPv4(v4) && /^240\.240\.\d+\.(?!0$|255$)\d+$/.test(v4), v4);
      assert.ok(isIPv6(v6) && v6.startsWith('2001:2::f0f0:'), v6);
    }
  });

  test('do not depend on the order in which hosts are read', () => {
    const some = hosts(500);
    // deepEqual of maps does not look at their order.
    assert.deepEqual(automaticAddresses(some), automaticAddresses(some.toReversed()));
  });

  test('stay when a younger host is added or removed', () => {
    const before = automaticAddresses(hosts(3000));
    const after = automaticAddresses(hosts(6000));
    for (const [key, address] of before) assert.deepEqual(after.get(key), address);
  });

  test('differ between namespaces, and are one for a host that is written twice', () => {
    const found = automaticAddresses([wants('a.example'), wants('a.example'), wants('a.example', '', 'other')]);
    assert.deepEqual([...found.keys()], ['default/a.example', 'other/a.example']);
    assert.notEqual(found.get('default/a.example')?.v4, found.get('other/a.example')?.v4);
  });

  test('leave out what somebody wrote down', () => {
    const own = automaticAddresses([wants('a.example')]).get('default/a.example');
    assert.ok(own !== undefined);
    for (const address of [own.v4, own.v6]) {
      const taken = { ...wants('b.example'), addresses: [address], takesAutomaticAddress: false };
      assert.notEqual(automaticAddresses([taken, wants('a.example')]).get('default/a.example')?.v4, own.v4);
    }
  });

  test('end when there are no more: the youngest go without', () => {
    const all = automaticAddresses(hosts(65_030));
    assert.equal(all.size, 256 * 254);
    assert.ok(all.has('default/h0.example.com'));
    assert.ok(!all.has('default/h65029.example.com'));
  });
});

test('a host takes an address when it is resolved, has none, is no wildcard and its entry does not refuse', () => {
  const takes = (spec: string, host = 'a.example', labels = ''): boolean => {
    const [entry] = resourcesOf(
      `kind: ServiceEntry\nmetadata: { name: e, labels: {${labels}} }\nspec: { hosts: ['${host}'], ${spec} }`,
    );
    assert.ok(entry?.kind === 'ServiceEntry');
    return takesAutomaticAddress(entry, host);
  };
  assert.ok(takes('resolution: DNS'));
  assert.ok(takes('resolution: STATIC'));
  assert.ok(takes('resolution: DNS_ROUND_ROBIN'));
  assert.ok(!takes('resolution: NONE'));
  assert.ok(!takes('location: MESH_EXTERNAL'));
  assert.ok(!takes('resolution: DNS, addresses: [10.0.0.1]'));
  assert.ok(!takes('resolution: DNS', '*.example'));
  assert.ok(!takes('resolution: DNS', 'a.example', "networking.istio.io/enable-autoallocate-ip: 'false'"));
});
