import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import { pushOrder } from '#shared/xds/type-urls.ts';
import type { Authority } from './ca/authority.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { Proxies } from './xds/proxies.ts';

/** What is measured. */
export type Measured = Readonly<{
  catalog: Watch<Catalog>;
  proxies: Proxies;
  authority: Authority;
  readiness: Readiness;
}>;

/** The control plane's metrics, read from its parts at each scrape. */
export function makeMetrics({ catalog, proxies, authority, readiness }: Measured): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number) =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value());
        },
      }),
    );
  const entries = () => [...catalog.current().entries.values()];
  gauge('tulle_catalog_generation', 'Generation of the configuration in force', () => catalog.current().generation);
  gauge('tulle_catalog_resources', 'Resources in the catalog', () => entries().length);
  gauge(
    'tulle_catalog_refused',
    'Resources whose latest document was refused',
    () => entries().filter(({ problems }) => problems.length > 0).length,
  );
  gauge('tulle_xds_proxies', 'Connected proxies', () => proxies.list().length);
  gauge('tulle_ready', '1 when ready', () => (readiness.isReady ? 1 : 0));
  gauge(
    'tulle_ca_expiry_seconds',
    'When the first certificate of the authority expires, in seconds since the epoch',
    () => authority.expiresAt / 1000,
  );
  registry.registerMetric(issuedCounter(authority));
  registry.registerMetric(refusingGauge(proxies));
  return registry;
}

function issuedCounter(authority: Authority): Counter {
  return new Counter({
    name: 'tulle_ca_certificates_issued_total',
    help: 'Workload certificates issued',
    registers: [],
    collect() {
      this.reset();
      this.inc(authority.counters().issued);
    },
  });
}

function refusingGauge(proxies: Proxies): Gauge<'type'> {
  return new Gauge({
    name: 'tulle_xds_refusing_proxies',
    help: 'Proxies that refuse what they were sent, by type',
    labelNames: ['type'],
    registers: [],
    collect() {
      for (const typeUrl of pushOrder) {
        const refuses = proxies
          .list()
          .filter((record) =>
            record.status().types.some((type) => type.typeUrl === typeUrl && type.refused.length > 0),
          );
        this.set({ type: typeUrl.slice(typeUrl.lastIndexOf('.') + 1) }, refuses.length);
      }
    },
  });
}
