import { Counter, Gauge, type Registry } from 'prom-client';
import type { WatcherView } from './kind-watcher.ts';
import type { SourceHealth } from './kubernetes-source.ts';

const labelNames = ['kind', 'namespace'] as const;

/** Registers how fresh what is known of each kind is, read at each scrape. */
export function registerSourceMetrics(registry: Registry, source: Readonly<{ health: () => SourceHealth }>): void {
  const labelsOf = ({ kind, namespace }: WatcherView) => ({ kind, namespace: namespace ?? '' });
  const gauge = (name: string, help: string, value: (view: WatcherView) => number) =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          for (const view of source.health().watchers) this.set(labelsOf(view), value(view));
        },
      }),
    );
  const counter = (name: string, help: string, value: (view: WatcherView) => number) =>
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          this.reset();
          for (const view of source.health().watchers) this.inc(labelsOf(view), value(view));
        },
      }),
    );
  gauge('tulle_source_age_seconds', 'Time since the API server last said anything of a kind', (v) => v.ageMs / 1000);
  gauge('tulle_source_stale', '1 when what is known of a kind may be old', (v) => (v.isStale ? 1 : 0));
  gauge('tulle_source_objects', 'Objects that are known of a kind', (v) => v.objects);
  counter('tulle_source_lists_total', 'Times that a kind was listed', (v) => v.lists);
  counter('tulle_source_watches_total', 'Times that a kind was watched', (v) => v.watches);
}
