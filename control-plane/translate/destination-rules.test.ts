import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { DestinationRule } from '#shared/model/resource.ts';
import { groupRules, policyFor, ruleFor } from './destination-rules.ts';
import { fromService } from './mesh-service.ts';
import { resourcesOf } from './test-support.ts';

const [service] = resourcesOf(
  'kind: Service\nmetadata: {name: reviews, namespace: shop}\nspec: {ports: [{port: 80, protocol: TCP}]}',
);
assert.equal(service?.kind, 'Service');
const reviews = fromService(service);

function rulesOf(text: string): readonly DestinationRule[] {
  return resourcesOf(text).filter((resource) => resource.kind === 'DestinationRule');
}

/** Ids of the rules that hold for a client of a namespace. */
function held(text: string, namespace = 'client', labels: Record<string, string> = {}): string | undefined {
  const client = { namespace, labels, rootNamespace: 'istio-system' };
  return ruleFor(groupRules(rulesOf(text)), client, reviews)?.id;
}

const rule = (namespace: string, host: string, more = ''): string =>
  `kind: DestinationRule\nmetadata: {name: ${namespace}-rule, namespace: ${namespace}}\nspec: {host: ${host}${more}}\n`;
const full = 'reviews.shop.svc.cluster.local';
const documents = (...texts: string[]): string => texts.join('---\n');

suite('which destination rule holds', () => {
  test("the client's namespace goes before the service's, and that before the root namespace", () => {
    const root = rule('istio-system', full);
    const owner = rule('shop', 'reviews');
    const client = rule('client', full);
    assert.equal(held(documents(root, owner, client)), 'client/client-rule');
    assert.equal(held(documents(root, owner)), 'shop/shop-rule');
    assert.equal(held(root), 'istio-system/istio-system-rule');
    assert.equal(held(documents(root, owner, client), 'elsewhere'), 'shop/shop-rule');
  });

  test('a wildcard in a nearer scope hides an exact host in a farther one', () => {
    assert.equal(held(documents(rule('shop', 'reviews'), rule('client', '"*.cluster.local"'))), 'client/client-rule');
  });

  test('in one scope the most specific host wins, and wildcards are not merged in', () => {
    const wild =
      'kind: DestinationRule\nmetadata: {name: wild, namespace: shop}\nspec: {host: "*.svc.cluster.local"}\n';
    const wilder =
      'kind: DestinationRule\nmetadata: {name: wilder, namespace: shop}\nspec: {host: "*.cluster.local"}\n';
    assert.equal(held(documents(wilder, wild, rule('shop', 'reviews'))), 'shop/shop-rule');
    assert.equal(held(documents(wilder, wild)), 'shop/wild');
  });

  test('a client in the root namespace has no scope of its own', () => {
    assert.equal(
      held(documents(rule('istio-system', full), rule('shop', 'reviews')), 'istio-system'),
      'shop/shop-rule',
    );
  });

  test('a rule that is not exported holds in its own namespace only', () => {
    const own = rule('shop', 'reviews', ', exportTo: ["."]');
    assert.equal(held(own), undefined);
    assert.equal(held(own, 'shop'), 'shop/shop-rule');
  });

  test('a rule that selects workloads holds for them alone, before the others of its namespace', () => {
    const selecting =
      `kind: DestinationRule\nmetadata: {name: z-selecting, namespace: client}\n` +
      `spec: {host: ${full}, workloadSelector: {matchLabels: {app: web}}}\n`;
    const text = documents(rule('client', full), selecting);
    assert.equal(held(text, 'client', { app: 'web' }), 'client/z-selecting');
    assert.equal(held(text, 'client', { app: 'batch' }), 'client/client-rule');
  });
});

suite('what rules and ports say together', () => {
  const client = { namespace: 'client', labels: {}, rootNamespace: 'istio-system' };

  test('rules for one host are merged: subsets together, the older traffic policy, no subset twice', () => {
    const of = (name: string, time: string, spec: string): string =>
      `kind: DestinationRule\nmetadata: {name: ${name}, namespace: shop, creationTimestamp: "${time}"}\nspec: {host: reviews, ${spec}}\n`;
    const merged = ruleFor(
      groupRules(
        rulesOf(
          documents(
            of(
              'young',
              '2026-02-01T00:00:00Z',
              'subsets: [{name: v1, labels: {from: young}}, {name: v2, labels: {from: young}}], trafficPolicy: {tls: {mode: DISABLE}}',
            ),
            of('old', '2026-01-01T00:00:00Z', 'subsets: [{name: v1, labels: {from: old}}]'),
          ),
        ),
      ),
      client,
      reviews,
    );
    assert.equal(merged?.id, 'shop/old,shop/young');
    assert.deepEqual(
      merged?.subsets.map(({ name, labels }) => [name, labels]),
      [
        ['v1', { from: 'old' }],
        ['v2', { from: 'young' }],
      ],
    );
    assert.deepEqual(merged?.trafficPolicy, { tls: { mode: 'DISABLE' } });
  });

  const text =
    `kind: DestinationRule\nmetadata: {name: reviews, namespace: shop}\nspec:\n  host: reviews\n` +
    `  trafficPolicy:\n    tls: {mode: ISTIO_MUTUAL}\n    loadBalancer: {simple: RANDOM}\n` +
    `    portLevelSettings: [{port: {number: 81}, connectionPool: {tcp: {maxConnections: 1}}}]\n` +
    `  subsets:\n  - {name: v1, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}\n` +
    `  - {name: v2, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}}\n`;
  const merged = ruleFor(groupRules(rulesOf(text)), client, reviews);
  const blocks = (port: number, subset?: string) => {
    const { tls, loadBalancer, connectionPool } =
      policyFor(
        merged,
        port,
        merged?.subsets.find(({ name }) => name === subset),
      ) ?? {};
    return { tls: tls?.mode, balancer: loadBalancer?.simple, connections: connectionPool?.tcp?.maxConnections };
  };

  test('settings of a port replace the whole policy for that port', () => {
    assert.deepEqual(blocks(80), { tls: 'ISTIO_MUTUAL', balancer: 'RANDOM', connections: undefined });
    assert.deepEqual(blocks(81), { tls: undefined, balancer: undefined, connections: 1 });
  });

  test('a subset overrides block by block, also over the settings of a port', () => {
    assert.deepEqual(blocks(80, 'v1'), { tls: 'ISTIO_MUTUAL', balancer: 'ROUND_ROBIN', connections: undefined });
    assert.deepEqual(blocks(81, 'v1'), { tls: undefined, balancer: 'ROUND_ROBIN', connections: 1 });
  });

  test('settings of a port in a subset replace everything', () => {
    assert.deepEqual(blocks(80, 'v2'), { tls: 'DISABLE', balancer: undefined, connections: undefined });
  });
});
