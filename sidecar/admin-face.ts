/** What the admin port shows of the running sidecar, in Envoy's forms. */
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { unpackMessage, type PackedMessage } from '#shared/xds/packed.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { AdminView } from './admin/server.ts';
import type { ControlLink } from './control-link.ts';
import type { DataPath } from './data-path.ts';
import { renderPrometheus, type MetricFamily } from './telemetry/prometheus.ts';
import type { Cluster } from './upstream/cluster.ts';
import type { Host } from './upstream/host.ts';
import type { HeldResource } from './xds/session.ts';

export type FaceOptions = Readonly<{
  dataPath: DataPath;
  readiness: Readiness;
  logger: Logger;
  /** Null with a bootstrap file. */
  link: ControlLink | null;
  bootstrap: PackedMessage | null;
  drain: () => void;
  quit: () => void;
}>;

const levels = ['trace', 'debug', 'info', 'warn', 'error'];

export class AdminFace {
  readonly view: AdminView;
  readonly #options: FaceOptions;

  constructor(options: FaceOptions) {
    this.#options = options;
    const { readiness, logger, drain, quit } = options;
    this.view = {
      isReady: () => readiness.isReady,
      awaited: () => readiness.awaited(),
      stats: () => this.#stats(),
      prometheus: () => this.#prometheus(),
      clusters: () => this.#clusters().flatMap((cluster) => clusterLines(cluster)),
      clustersJson: () => ({ cluster_statuses: this.#clusters().map(clusterStatus) }),
      configDump: () => this.#configDump(),
      certificates: () => this.#certificates(),
      serverInfo: () => ({
        version: packageJson.version,
        state: readiness.isReady ? 'LIVE' : 'PRE_INITIALIZING',
        node: process.version,
      }),
      setLogLevel: (level) => {
        if (!levels.includes(level)) return null;
        logger.level = level;
        return level;
      },
      logLevel: () => logger.level,
      drain,
      quit,
    };
  }

  #clusters(): Cluster[] {
    return [...this.#options.dataPath.plan.clusters.values()];
  }

  #stats(): (readonly [string, number])[] {
    const { dataPath, link } = this.#options;
    const stats: [string, number][] = [['downstream_cx_active', dataPath.connections]];
    for (const cluster of this.#clusters()) {
      const prefix = `cluster.${cluster.config.altStatName}.`;
      for (const [name, value] of Object.entries(cluster.stats)) stats.push([`${prefix}${name}`, value]);
      for (const [name, value] of Object.entries(cluster.outlierStats ?? {}))
        stats.push([`${prefix}outlier_detection.${name}`, value]);
      const { default: breaker } = cluster.breakers;
      stats.push([
        `${prefix}circuit_breakers.default.rq_open`,
        breaker.requests >= breaker.thresholds.maxRequests ? 1 : 0,
      ]);
    }
    const view = link?.view.current();
    stats.push(['control_plane.connected_state', view?.state.isConnected === true ? 1 : 0]);
    stats.push(['listener_manager.total_listeners_active', dataPath.plan.listeners.size]);
    return stats;
  }

  #prometheus(): string {
    const { series } = this.#options.dataPath;
    return renderPrometheus([{ cells: series.slab.cells, entries: series.entries() }], this.#families());
  }

  #families(): MetricFamily[] {
    const clusters = this.#clusters();
    const first = clusters[0];
    const perCluster = (stat: keyof Cluster['stats'], type: MetricFamily['type']): MetricFamily => ({
      name: `envoy_cluster_${stat}`,
      help: `Envoy's cluster statistic ${stat}.`,
      type,
      samples: () =>
        clusters.map((cluster) => ({ labels: { cluster_name: cluster.config.name }, value: cluster.stats[stat] })),
    });
    const names = first === undefined ? [] : (Object.keys(first.stats) as (keyof Cluster['stats'])[]);
    return [
      {
        name: 'istio_build',
        help: 'The version that runs.',
        type: 'gauge',
        samples: () => [{ labels: { component: 'proxy', tag: packageJson.version }, value: 1 }],
      },
      ...names.map((name) =>
        perCluster(name, /_active$|^membership_(total|healthy|degraded)$/.test(name) ? 'gauge' : 'counter'),
      ),
    ];
  }

  #certificates(): unknown {
    const state = this.#options.link?.identity();
    if (state === undefined || state.spiffeId === null) return { certificates: [] };
    const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
    const days = state.notAfter === null ? 0 : Math.floor((state.notAfter - Date.now()) / 86_400_000);
    const chain = {
      path: 'sds: default',
      serial_number: state.serial,
      subject_alt_names: [{ uri: state.spiffeId }],
      valid_from: iso(state.notBefore),
      expiration_time: iso(state.notAfter),
      days_until_expiration: String(days),
    };
    return {
      certificates: [{ cert_chain: [chain] }],
      next_renewal: iso(state.nextRenewalAt),
      failures: state.failures,
      last_error: state.lastError,
    };
  }

  #configDump(): unknown {
    const { link, bootstrap } = this.#options;
    const type = (name: string) => `type.googleapis.com/envoy.admin.v3.${name}`;
    if (link === null)
      return { configs: [{ '@type': type('BootstrapConfigDump'), bootstrap: bootstrap && unpackMessage(bootstrap) }] };
    const { held } = link.view.current().state;
    const dump = (resources: ReadonlyMap<string, HeldResource>) =>
      [...resources.values()].map((held) => ({ ...held, message: unpackMessage(held.message) }));
    return {
      configs: [
        {
          '@type': type('ClustersConfigDump'),
          dynamic_active_clusters: dump(held.cluster).map(({ version, message }) => ({
            version_info: version,
            cluster: message,
          })),
        },
        {
          '@type': type('EndpointsConfigDump'),
          dynamic_endpoint_configs: dump(held.endpoints).map(({ version, message }) => ({
            version_info: version,
            endpoint_config: message,
          })),
        },
        {
          '@type': type('ListenersConfigDump'),
          dynamic_listeners: dump(held.listener).map(({ name, version, message }) => ({
            name,
            active_state: { version_info: version, listener: message },
          })),
        },
        {
          '@type': type('RoutesConfigDump'),
          dynamic_route_configs: dump(held.routes).map(({ version, message }) => ({
            version_info: version,
            route_config: message,
          })),
        },
      ],
    };
  }
}

function healthFlags(host: Host): string {
  const flags = [
    host.monitor.isEjected ? '/failed_outlier_check' : '',
    host.endpoint.health === 'unhealthy' ? '/failed_eds_health' : '',
    host.endpoint.health === 'degraded' ? '/degraded_eds_health' : '',
  ].join('');
  return flags === '' ? 'healthy' : flags;
}

/** `cluster::host::name::value` lines, as Envoy's `/clusters`. */
function clusterLines(cluster: Cluster): string[] {
  const { name } = cluster.config;
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = cluster.config.breakers.default;
  const lines = [
    `${name}::default_priority::max_connections::${maxConnections}`,
    `${name}::default_priority::max_pending_requests::${maxPendingRequests}`,
    `${name}::default_priority::max_requests::${maxRequests}`,
    `${name}::default_priority::max_retries::${maxRetries}`,
  ];
  for (const [key, host] of cluster.hosts) {
    const prefix = `${name}::${key}::`;
    for (const [stat, value] of Object.entries(host.stats)) lines.push(`${prefix}${stat}::${value}`);
    lines.push(`${prefix}rq_active::${host.activeRequests}`, `${prefix}health_flags::${healthFlags(host)}`);
    lines.push(`${prefix}weight::${host.weight}`, `${prefix}priority::${host.priority}`);
  }
  return lines;
}

function clusterStatus(cluster: Cluster): unknown {
  return {
    name: cluster.config.name,
    host_statuses: [...cluster.hosts.values()].map((host) => ({
      address: { socket_address: { address: host.address, port_value: host.port } },
      stats: Object.entries({ ...host.stats, rq_active: host.activeRequests }).map(([name, value]) => ({
        name,
        value: String(value),
      })),
      health_status: {
        eds_health_status: host.endpoint.health.toUpperCase(),
        failed_outlier_check: host.monitor.isEjected,
      },
      weight: host.weight,
      priority: host.priority,
    })),
  };
}
