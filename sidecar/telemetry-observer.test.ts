import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairLabelNames, requestLabelNames, tcpLabelNames } from '#shared/telemetry/metric-names.ts';
import { aTls } from './filters/contexts.fixture.ts';
import { startExchange } from './proxy/exchange.fixture.ts';
import type { Observation } from './proxy/exchange-host.ts';
import { SeriesRegistry } from './telemetry/series.ts';
import { TelemetryObserver } from './telemetry-observer.ts';
import type { Cluster } from './upstream/cluster.ts';

function setUp(principal = 'spiffe://cluster.local/ns/shop/sa/orders') {
  const registry = new SeriesRegistry();
  const observer = new TelemetryObserver(registry, {
    name: 'orders-v1',
    namespace: 'shop',
    labels: { app: 'orders', version: 'v1' },
    principal: () => principal,
  });
  /** Each series as its labels that are known, and its first count. */
  const series = () =>
    registry.entries().map(({ kind, labels, first }) => {
      const names: readonly string[] =
        kind === 'tcp' ? tcpLabelNames : kind === 'messages' ? pairLabelNames : requestLabelNames;
      const known = names.map((name, index) => [name, labels[index] ?? ''] as const);
      return Object.fromEntries<string | number | undefined>([['count', registry.slab.cells[first]], ...known]);
    });
  return { observer, series, registry };
}

function observed(fields: Partial<Observation> = {}): Observation {
  const made = startExchange({
    cluster: { services: [{ host: 'pay.shop.svc', name: 'pay', namespace: 'shop' }] },
  });
  made.upstream.last.answer(200, 'ok');
  const [observation] = made.observed;
  assert.ok(observation !== undefined);
  return { ...observation, ...fields };
}

test('a request that goes out counts by its service, as its source sees it', () => {
  const { observer, series } = setUp();
  const observation = observed();
  observer.observe(observation, null);
  observer.observe(observation, null);
  const [only, ...others] = series();
  assert.equal(others.length, 0);
  assert.deepEqual(
    [
      only?.['count'],
      only?.['reporter'],
      only?.['source_workload'],
      only?.['destination_service'],
      only?.['response_code'],
    ],
    [2, 'source', 'orders-v1', 'pay.shop.svc', '200'],
  );
  assert.equal(only?.['connection_security_policy'], 'unknown');
});

test('a request that comes in counts by the caller’s identity; plaintext has none', () => {
  const { observer, series } = setUp();
  observer.observe(observed({ direction: 'inbound', tls: aTls() }), null);
  observer.observe(observed({ direction: 'inbound', tls: null }), null);
  assert.deepEqual(
    series().map((one) => [
      one['reporter'],
      one['source_principal'],
      one['source_app'],
      one['connection_security_policy'],
    ]),
    [
      ['destination', 'spiffe://cluster.local/ns/default/sa/client', 'client', 'mutual_tls'],
      ['destination', 'unknown', 'unknown', 'none'],
    ],
  );
});

test('gRPC messages count by who talks to whom, whatever becomes of the call', () => {
  const { observer, series } = setUp();
  const observation = observed();
  observer.observeMessages(observation, 3, 1);
  observer.observeMessages(observed({ direction: 'inbound', tls: null }), 4, 0);
  observer.observeMessages(observation, 2, 1);
  assert.deepEqual(
    series().map((one) => [one['count'], one['reporter'], one['response_code']]),
    [
      [5, 'source', undefined],
      [4, 'destination', undefined],
    ],
  );
});

test('a TCP connection counts when it opens, moves bytes and closes', () => {
  const { observer, series, registry } = setUp();
  const observation = observed();
  observer.opened(observation);
  observer.moved(observation, { received: 5, sent: 7 });
  observer.moved(observation, { received: 1, sent: 0 });
  observer.closed(observation);
  assert.deepEqual(
    series().map((one) => [one['request_protocol'], one['count']]),
    [['tcp', 1]],
  );
  assert.deepEqual([...registry.slab.cells.subarray(0, 4)], [1, 1, 7, 6]);
});

test('a request that no cluster took counts too', () => {
  const { observer, series } = setUp();
  observer.observe(observed({ cluster: null, host: null }), null);
  observer.observe(observed({ cluster: null, host: null }), null);
  assert.deepEqual(
    series().map((one) => [one['count'], one['destination_service']]),
    [[2, 'unknown']],
  );
});

test('what goes to no service of the mesh is counted by the name of the cluster that took it', () => {
  const { observer, series } = setUp();
  const { cluster } = observed();
  const named = (name: string) => ({ config: { ...cluster?.config, services: [], name } }) as unknown as Cluster;
  observer.opened(observed({ cluster: named('PassthroughCluster'), host: null }));
  observer.opened(observed({ cluster: named('outbound|80||gone'), host: null }));
  assert.deepEqual(
    series().map((one) => one['destination_service_name']),
    ['PassthroughCluster', 'unknown'],
  );
});
