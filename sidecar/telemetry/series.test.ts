import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestLabelNames } from '#shared/telemetry/metric-names.ts';
import { renderPrometheus } from './prometheus.ts';
import { flagBit } from './response-flags.ts';
import { countTcp, observeMessages, observeRequest, SeriesRegistry, type PairLabels } from './series.ts';

const pair: PairLabels = {
  reporter: 'source',
  source_workload: 'web',
  destination_service: 'reviews.default.svc.cluster.local',
};

/** The samples of a text, by name and some of their labels. */
function sample(text: string, name: string, ...labels: string[]): number[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
}

const view = (registry: SeriesRegistry) => registry.view();

test('a request counts once and falls into the bucket whose bound it does not exceed', () => {
  const registry = new SeriesRegistry({ maxSeries: 10 });
  const series = registry.group(pair, 'unknown').request(200, -1, false, 0);
  observeRequest(series, 5, 0, 6000);
  observeRequest(series, 5.1, 0, 4_000_000);
  const text = renderPrometheus([view(registry)], []);
  assert.deepEqual(sample(text, 'istio_requests_total'), [2]);
  assert.deepEqual(sample(text, 'istio_request_duration_milliseconds_bucket', 'le="1"'), [0]);
  assert.deepEqual(sample(text, 'istio_request_duration_milliseconds_bucket', 'le="5"'), [1]);
  assert.deepEqual(sample(text, 'istio_request_duration_milliseconds_bucket', 'le="10"'), [2]);
  assert.deepEqual(sample(text, 'istio_request_duration_milliseconds_sum'), [10.1]);
  assert.deepEqual(sample(text, 'istio_response_bytes_bucket', 'le="3600000"'), [1]);
  assert.deepEqual(sample(text, 'istio_response_bytes_bucket', 'le="+Inf"'), [2]);
  assert.deepEqual(sample(text, 'istio_response_bytes_count'), [2]);
});

test("a series carries all of Istio's labels in their order, unknown where nothing is known", () => {
  const registry = new SeriesRegistry({ maxSeries: 10 });
  observeRequest(registry.group(pair, 'mutual_tls').request(503, -1, false, flagBit('UF') | flagBit('URX')), 1, 1, 1);
  const line = renderPrometheus([view(registry)], [])
    .split('\n')
    .find((one) => one.startsWith('istio_requests_total{'));
  const labels = [...(line ?? '').matchAll(/(\w+)="([^"]*)"/g)];
  assert.deepEqual(
    labels.map(([, name]) => name),
    [...requestLabelNames],
  );
  const value = (name: string) => labels.find((label) => label[1] === name)?.[2];
  assert.deepEqual(
    ['source_workload', 'destination_app', 'response_code', 'response_flags', 'connection_security_policy'].map(value),
    ['web', 'unknown', '503', 'UF,URX', 'mutual_tls'],
  );
  assert.deepEqual(['request_protocol', 'grpc_response_status'].map(value), ['http', '']);
});

test('the same ending of the same pair is the same series', () => {
  const registry = new SeriesRegistry({ maxSeries: 10 });
  const group = registry.group(pair, 'unknown');
  assert.equal(registry.group({ ...pair }, 'unknown'), group);
  const ok = group.request(200, -1, false, 0);
  const grpc = group.request(200, 14, true, 0);
  assert.notEqual(grpc, ok);
  assert.equal(group.request(200, -1, false, 0), ok);
  assert.equal(registry.entries().length, 2);
});

test('beyond the bound everything is counted under labels that say other, whatever clients invent', () => {
  const registry = new SeriesRegistry({ maxSeries: 3 });
  for (let i = 0; i < 1000; i++) {
    observeRequest(registry.group({ ...pair, source_app: `app-${i}` }, 'unknown').request(200, -1, false, 0), 1, 0, 0);
  }
  const text = renderPrometheus([view(registry)], []);
  assert.deepEqual(sample(text, 'istio_requests_total', 'source_app="app-'), [1, 1, 1]);
  assert.deepEqual(sample(text, 'istio_requests_total', 'source_app="other"'), [997]);
  assert.equal(registry.entries().length, 4);
  assert(registry.overflows > 0);
});

test('the slabs of several workers are summed', () => {
  const registries = [new SeriesRegistry({ maxSeries: 5 }), new SeriesRegistry({ maxSeries: 5 })];
  for (const registry of registries) {
    observeRequest(registry.group(pair, 'unknown').request(200, 0, true, 0), 3, 0, 0);
    observeMessages(registry.group(pair, 'unknown').messages(), 1, 4);
  }
  const text = renderPrometheus(registries.map(view), []);
  assert.deepEqual(sample(text, 'istio_requests_total', 'request_protocol="grpc"'), [2]);
  assert.deepEqual(sample(text, 'istio_response_messages_total'), [8]);
});

test('TCP connections have their own counters', () => {
  const registry = new SeriesRegistry({ maxSeries: 5 });
  const series = registry.group(pair, 'none').tcp(0);
  countTcp(series, 'opened', 1);
  countTcp(series, 'sent', 100);
  countTcp(series, 'received', 7);
  const text = renderPrometheus([view(registry)], []);
  const names = ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes'];
  assert.deepEqual(
    names.map((name) => sample(text, `istio_tcp_${name}_total`, 'request_protocol="tcp"')),
    [[1], [0], [100], [7]],
  );
  assert.doesNotMatch(text, /istio_requests_total/);
});

test('families of others are rendered with escaped labels, and left out when empty', () => {
  const samples = () => [{ labels: { cluster: 'a"b\\c\n' }, value: 3 }];
  const gauge = { name: 'envoy_cluster_upstream_cx_active', help: 'Connections.', type: 'gauge' } as const;
  const text = renderPrometheus(
    [],
    [
      { ...gauge, samples },
      { ...gauge, name: 'none', samples: () => [] },
    ],
  );
  assert.equal(
    text,
    '# HELP envoy_cluster_upstream_cx_active Connections.\n# TYPE envoy_cluster_upstream_cx_active gauge\n' +
      'envoy_cluster_upstream_cx_active{cluster="a\\"b\\\\c\\n"} 3\n',
  );
});

test('another thread can render series from the messages that announce them', () => {
  const announced: unknown[] = [];
  const registry = new SeriesRegistry({ maxSeries: 5, onSeries: (entry) => announced.push(structuredClone(entry)) });
  observeRequest(registry.group(pair, 'unknown').request(200, -1, false, 0), 1, 1, 1);
  assert.deepEqual(announced, registry.entries());
});
