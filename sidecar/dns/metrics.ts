import type { MetricFamily } from '../telemetry/prometheus.ts';

/** Upper bounds in seconds, Istio's (`pkg/dns/client/monitoring.go`). */
const bounds = [0.001, 0.005, 0.01, 0.1, 1, 5];

/** What the DNS proxy counts, by Istio's names; kept and rendered on the main thread. */
export class DnsMetrics {
  requests = 0;
  upstreamRequests = 0;
  /** Requests that no resolver answered. */
  upstreamFailures = 0;
  cacheHits = 0;
  readonly #buckets = bounds.map(() => 0);
  #count = 0;
  #sum = 0;

  /** Counts the time that the resolvers took for one request. */
  observe(seconds: number): void {
    for (const [index, bound] of bounds.entries())
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count++;
    this.#sum += seconds;
  }

  families(): readonly MetricFamily[] {
    const counter = (name: string, help: string, value: number): MetricFamily => ({
      name,
      help,
      type: 'counter',
      samples: () => [{ labels: {}, value }],
    });
    return [
      counter('dns_requests_total', 'DNS requests of applications.', this.requests),
      counter('dns_upstream_requests_total', 'DNS requests forwarded to resolvers.', this.upstreamRequests),
      counter('dns_upstream_failures_total', 'DNS requests that no resolver answered.', this.upstreamFailures),
      counter('tulle_dns_cache_hits_total', 'DNS requests answered by what a resolver said before.', this.cacheHits),
      {
        name: 'dns_upstream_request_duration_seconds',
        help: 'Time that resolvers took to answer.',
        type: 'histogram',
        samples: () => this.#histogram(),
      },
    ];
  }

  #histogram() {
    return [
      ...bounds.map((bound, i) => ({ suffix: '_bucket', labels: { le: String(bound) }, value: this.#buckets[i] ?? 0 })),
      { suffix: '_bucket', labels: { le: '+Inf' }, value: this.#count },
      { suffix: '_sum', labels: {}, value: this.#sum },
      { suffix: '_count', labels: {}, value: this.#count },
    ];
  }
}
