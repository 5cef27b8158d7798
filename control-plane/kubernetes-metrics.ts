/** Metrics of what the control plane does on Kubernetes. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { KubernetesControllers } from './kubernetes-controllers.ts';
import type { WebhookAnswer } from './webhooks/server.ts';

/** What webhooks did: counted as it happens. */
export class WebhookCounts {
  readonly requests = new Counter({
    name: 'tulle_webhook_requests_total',
    help: 'Reviews that the webhooks answered, by path and outcome',
    labelNames: ['path', 'outcome'],
    registers: [],
  });
  readonly seconds = new Histogram({
    name: 'tulle_webhook_seconds',
    help: 'Time that an answer to a review took',
    labelNames: ['path'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [],
  });
  readonly injections = new Counter({
    name: 'tulle_injections_total',
    help: 'Pods that the injector saw, by outcome and the rule that decided',
    labelNames: ['outcome', 'reason'],
    registers: [],
  });

  answer({ path, outcome, seconds }: WebhookAnswer): void {
    this.requests.inc({ path, outcome });
    this.seconds.observe({ path }, seconds);
  }

  injection({ outcome, decision }: Readonly<{ outcome: string; decision: Readonly<{ reason: string }> | null }>): void {
    this.injections.inc({ outcome, reason: decision?.reason ?? 'invalid' });
  }
}

/** Registers the metrics of a replica's controllers, read at each scrape. */
export function registerKubernetesMetrics(
  registry: Registry,
  controllers: () => KubernetesControllers | null,
  counts: WebhookCounts,
): void {
  registry.registerMetric(counts.requests);
  registry.registerMetric(counts.seconds);
  registry.registerMetric(counts.injections);
  const gauge = (name: string, help: string, value: (running: KubernetesControllers) => number) =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          const running = controllers();
          if (running !== null) this.set(value(running));
        },
      }),
    );
  const counter = (name: string, help: string, value: (running: KubernetesControllers) => number) =>
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          const running = controllers();
          this.reset();
          if (running !== null) this.inc(value(running));
        },
      }),
    );
  gauge('tulle_leader', '1 in the replica that leads', ({ elector }) => (elector.isLeader.current() ? 1 : 0));
  gauge('tulle_replicas_healthy', 'Replicas that renew their lease', (running) => running.healthyCount());
  gauge('tulle_status_waiting', 'Resources whose status waits to be written', (r) => r.status.counters().waiting);
  counter('tulle_status_written_total', 'Statuses that were written', ({ status }) => status.counters().written);
  counter('tulle_status_failed_total', 'Statuses that could not be written', ({ status }) => status.counters().failed);
  counter(
    'tulle_root_certificates_written_total',
    'ConfigMaps with the root that were written',
    (r) => r.roots.written,
  );
  counter('tulle_injection_repaired_total', 'Pods deleted to be injected', ({ injection }) => injection.repaired);
  registry.registerMetric(missedGauge(controllers));
  registry.registerMetric(webhooksGauge(controllers));
}

function missedGauge(controllers: () => KubernetesControllers | null): Gauge<'namespace'> {
  return new Gauge({
    name: 'tulle_injection_missed_pods',
    help: 'Pods that should have a sidecar and have none, by namespace',
    labelNames: ['namespace'],
    registers: [],
    collect() {
      this.reset();
      for (const { namespace } of controllers()?.injection.missed() ?? []) this.inc({ namespace });
    },
  });
}

function webhooksGauge(controllers: () => KubernetesControllers | null): Gauge<'name' | 'policy'> {
  return new Gauge({
    name: 'tulle_webhook_configuration_trusted',
    help: '1 when a webhook configuration bears our root; `policy` is what happens when nobody answers',
    labelNames: ['name', 'policy'],
    registers: [],
    collect() {
      this.reset();
      for (const { name, failurePolicies, isTrusted } of controllers()?.webhooks.view() ?? [])
        this.set({ name, policy: failurePolicies.join(',') }, isTrusted ? 1 : 0);
    },
  });
}
