import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { LocalitySetting, PolicyBlocks } from '../traffic-policy.ts';
import { type LocalityGroup, spreadOverLocalities } from './locality.ts';

const endpoint = (name: string, labels: Record<string, string> = {}, weight = 1) => ({
  message: { name },
  weight,
  labels,
});
const group = (locality: string, ...endpoints: LocalityGroup['endpoints']): LocalityGroup => ({ locality, endpoints });
const ejecting = (localityLbSetting?: LocalitySetting): PolicyBlocks => ({
  outlierDetection: {},
  loadBalancer: localityLbSetting === undefined ? {} : { localityLbSetting },
});

/** Names of the endpoints by priority, with the weights of their places. */
function spread(
  groups: readonly LocalityGroup[],
  policy: PolicyBlocks | undefined,
  { locality = 'r1/z1/s1', labels = {} }: { locality?: string; labels?: Record<string, string> } = {},
): readonly string[] {
  return spreadOverLocalities(groups, { locality, labels }, policy).map((place) => {
    const names = (place['lb_endpoints'] as readonly { name: string }[]).map(({ name }) => name).join();
    return `${Number(place['priority'] ?? 0)} ${names} *${Number(place['load_balancing_weight'])}`;
  });
}

const near = group('r1/z1/s1', endpoint('near', { version: 'v1' }));
const zone = group('r1/z2/s1', endpoint('zone', { version: 'v2' }));
const far = group('r2/z1/s1', endpoint('far', { version: 'v3' }));

suite('places of endpoints', () => {
  test('count only with outlier detection, and not where the rule switches them off', () => {
    const same = ['0 near *1', '0 zone *1', '0 far *1'];
    assert.deepEqual(spread([near, zone, far], undefined), same);
    assert.deepEqual(spread([near, zone, far], ejecting({ enabled: false, failoverPriority: ['version'] })), same);
    assert.deepEqual(spread([near, zone, far], ejecting()), ['0 near *1', '1 zone *1', '2 far *1']);
  });

  test('a region that the rule fails over to goes before others', () => {
    const other = group('r3/z/s', endpoint('other'));
    const policy = ejecting({ failover: [{ from: 'r1', to: 'r3' }] });
    assert.deepEqual(spread([far, other], policy), ['1 far *1', '0 other *1']);
  });

  test('failoverPriority ranks by labels shared with the client, one after the other', () => {
    const mixed = group(
      'r1/z1/s1',
      endpoint('a', { app: 'x', tier: '1' }, 2),
      endpoint('b', { app: 'x', tier: '2' }, 3),
    );
    const alien = group('r2/z1/s1', endpoint('c', { app: 'y', tier: '1' }));
    const policy = ejecting({ failoverPriority: ['app', 'tier'] });
    const client = { labels: { app: 'x', tier: '1' } };
    assert.deepEqual(spread([mixed, alien], policy, client), ['0 a *2', '1 b *3', '2 c *1']);
    assert.deepEqual(spread([mixed, alien], policy, { ...client, locality: '//' }), ['0 a *2', '1 b *3', '2 c *1']);
  });

  test('a label with a value means that value, labels of topology the place', () => {
    const policy = ejecting({ failoverPriority: ['version=v3', 'topology.kubernetes.io/region'] });
    assert.deepEqual(spread([near, zone, far], policy), ['1 near *1', '1 zone *1', '0 far *1']);
    const byZone = ejecting({ failoverPriority: ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'] });
    assert.deepEqual(spread([near, zone, far], byZone), ['0 near *1', '1 zone *1', '2 far *1']);
  });

  test('with failover as well, places count within equal labels', () => {
    const policy = ejecting({ failoverPriority: ['version'], failover: [{ from: 'r1', to: 'r2' }] });
    const client = { labels: { version: 'v3' } };
    assert.deepEqual(spread([near, zone, far], policy, client), ['1 near *1', '2 zone *1', '0 far *1']);
  });

  test('shares of a rule are divided among the places that they cover, and rounded up', () => {
    const policy: PolicyBlocks = {
      loadBalancer: { localityLbSetting: { distribute: [{ from: 'r1/*', to: { 'r1/*': 75, 'r2/*': 25 } }] } },
    };
    assert.deepEqual(spread([near, zone, far], policy), ['0 near *38', '0 zone *38', '0 far *25']);
  });
});
