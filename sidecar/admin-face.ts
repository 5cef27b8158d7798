/** What the admin port shows of the running sidecar, in Envoy's forms. */
import type { Readiness } from '#shared/runtime/readiness.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { unpackMessage, type PackedMessage } from '#shared/xds/packed.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { AdminView } from './admin/server.ts';
import type { ControlLink } from './control-link.ts';
import { isGauge, type ClusterReport, type HostReport } from './data-path-report.ts';
import type { DataPlane } from './data-plane.ts';
import { renderPrometheus, type MetricFamily } from './telemetry/prometheus.ts';
import type { HeldResource } from './xds/session.ts';

export type FaceOptions = Readonly<{
  dataPlane: DataPlane;
  readiness: Readiness;
  logger: Logger;
  /** Null with a bootstrap file. */
  link: ControlLink | null;
  bootstrap: PackedMessage | null;
  /** How long it took to be ready; null: it is not, or was at once. */
  readyMs: () => number | null;
  /** Metrics that others keep. */
  families?: () => readonly MetricFamily[];
  drain: () => void;
  quit: () => void;
  upgrade: AdminView['upgrade'];
}>;

const levels = ['trace', 'debug', 'info', 'warn', 'error'];

export class AdminFace {
  readonly view: AdminView;
  readonly #options: FaceOptions;

  constructor(options: FaceOptions) {
    this.#options = options;
    const { readiness, logger, drain, quit, upgrade } = options;
    this.view = {
      isReady: () => readiness.isReady,
      awaited: () => readiness.awaited(),
      stats: () => this.#stats(),
      prometheus: () => this.#prometheus(),
      clusters: async () => (await this.#clusters()).flatMap(clusterLines),
      clustersJson: async () => ({ cluster_statuses: (await this.#clusters()).map(clusterStatus) }),
      configDump: () => this.#configDump(),
      certificates: () => this.#certificates(),
      serverInfo: () => ({
        version: packageJson.version,
        state: readiness.isReady ? 'LIVE' : 'PRE_INITIALIZING',
        node: process.version,
        pid: process.pid,
      }),
      setLogLevel: (level) => {
        if (!levels.includes(level)) return null;
        logger.level = level;
        return level;
      },
      logLevel: () => logger.level,
      drain,
      quit,
      upgrade,
    };
  }

  async #clusters(): Promise<readonly ClusterReport[]> {
    return (await this.#options.dataPlane.report()).clusters;
  }

  async #stats(): Promise<(readonly [string, number])[]> {
    const { dataPlane, link } = this.#options;
    const { connections, listeners, clusters } = await dataPlane.report();
    const stats: [string, number][] = [
      ['downstream_cx_active', connections],
      ['server.concurrency', dataPlane.concurrency],
      ['server.worker_deaths', dataPlane.workerDeaths],
    ];
    for (const { altStatName, stats: counts, outlier, breakerRequests, thresholds } of clusters) {
      const prefix = `cluster.${altStatName}.`;
      for (const [name, value] of Object.entries(counts)) stats.push([`${prefix}${name}`, value]);
      for (const [name, value] of Object.entries(outlier ?? {}))
        stats.push([`${prefix}outlier_detection.${name}`, value]);
      const isOpen = breakerRequests >= thresholds.maxRequests;
      stats.push([`${prefix}circuit_breakers.default.rq_open`, isOpen ? 1 : 0]);
    }
    const view = link?.view.current();
    stats.push(['control_plane.connected_state', view?.state.isConnected === true ? 1 : 0]);
    stats.push(['listener_manager.total_listeners_active', listeners]);
    return stats;
  }

  async #prometheus(): Promise<string> {
    const { dataPlane, readyMs } = this.#options;
    const clusters = await this.#clusters();
    return renderPrometheus(dataPlane.slabs(), [
      ...families(clusters, dataPlane),
      timeToReady(readyMs()),
      ...(this.#options.families?.() ?? []),
    ]);
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

function families(clusters: readonly ClusterReport[], dataPlane: DataPlane): MetricFamily[] {
  const single = (name: string, type: MetricFamily['type'], help: string, value: number): MetricFamily => ({
    name,
    help,
    type,
    samples: () => [{ labels: {}, value }],
  });
  const perCluster = (stat: keyof ClusterReport['stats'], type: MetricFamily['type']): MetricFamily => ({
    name: `envoy_cluster_${stat}`,
    help: `Envoy's cluster statistic ${stat}.`,
    type,
    samples: () => clusters.map(({ name, stats }) => ({ labels: { cluster_name: name }, value: stats[stat] })),
  });
  const names = Object.keys(clusters[0]?.stats ?? {}) as (keyof ClusterReport['stats'])[];
  return [
    {
      name: 'istio_build',
      help: 'The version that runs.',
      type: 'gauge',
      samples: () => [{ labels: { component: 'proxy', tag: packageJson.version }, value: 1 }],
    },
    single('envoy_server_concurrency', 'gauge', 'Threads that carry traffic.', dataPlane.concurrency),
    single(
      'tulle_worker_deaths_total',
      'counter',
      'Worker threads that died and were replaced.',
      dataPlane.workerDeaths,
    ),
    ...names.map((name) => perCluster(name, isGauge(name) ? 'gauge' : 'counter')),
  ];
}

function timeToReady(ms: number | null): MetricFamily {
  return {
    name: 'tulle_time_to_ready_seconds',
    help: 'From the start of the process until it had listeners, clusters and a certificate.',
    type: 'gauge',
    samples: () => (ms === null ? [] : [{ labels: {}, value: ms / 1000 }]),
  };
}

function healthFlags(host: HostReport): string {
  const flags = [
    host.isEjected ? '/failed_outlier_check' : '',
    host.health === 'unhealthy' ? '/failed_eds_health' : '',
    host.health === 'degraded' ? '/degraded_eds_health' : '',
  ].join('');
  return flags === '' ? 'healthy' : flags;
}

/** `cluster::host::name::value` lines, as Envoy's `/clusters`. */
function clusterLines({ name, thresholds, hosts }: ClusterReport): string[] {
  const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = thresholds;
  const lines = [
    `${name}::default_priority::max_connections::${maxConnections}`,
    `${name}::default_priority::max_pending_requests::${maxPendingRequests}`,
    `${name}::default_priority::max_requests::${maxRequests}`,
    `${name}::default_priority::max_retries::${maxRetries}`,
  ];
  for (const host of hosts) {
    const prefix = `${name}::${host.key}::`;
    for (const [stat, value] of Object.entries(host.stats)) lines.push(`${prefix}${stat}::${value}`);
    lines.push(`${prefix}rq_active::${host.activeRequests}`, `${prefix}health_flags::${healthFlags(host)}`);
    lines.push(`${prefix}weight::${host.weight}`, `${prefix}priority::${host.priority}`);
  }
  return lines;
}

function clusterStatus({ name, hosts }: ClusterReport): unknown {
  return {
    name,
    host_statuses: hosts.map((host) => ({
      address: { socket_address: { address: host.address, port_value: host.port } },
      stats: Object.entries({ ...host.stats, rq_active: host.activeRequests }).map(([stat, value]) => ({
        name: stat,
        value: String(value),
      })),
      health_status: {
        eds_health_status: host.health.toUpperCase(),
        failed_outlier_check: host.isEjected,
      },
      weight: host.weight,
      priority: host.priority,
    })),
  };
}
