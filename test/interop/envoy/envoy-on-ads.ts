/**
 * A stock Envoy with nothing of its own but where to ask: listeners, clusters, endpoints and routes from an ADS server, secrets from
 * an SDS server. All three ways in (ADS, SDS, its admin interface) are unix sockets, so that it can live in a network namespace.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { eventually } from '../../support/eventually.ts';
import type { TestRoot } from '../../support/certificates.ts';
import { serveSecrets } from './secret-server.ts';

export const protocols = ['GRPC', 'DELTA_GRPC'] as const;
/** State of the world, or incremental. */
export type Protocol = (typeof protocols)[number];

export type EnvoyNode = Readonly<{ id: string; cluster: string; metadata: Readonly<Record<string, unknown>> }>;

export type EnvoyOptions = Readonly<{
  binary: string;
  protocol: Protocol;
  node: EnvoyNode;
  /** `host:port` of the ADS server. */
  ads: string;
  root: TestRoot;
  /** In a network namespace of its own, which has these addresses; else in ours. Needs root. */
  namespaceWith?: readonly string[] | undefined;
}>;

/** What Envoy has in force, by name. */
export type InForce = Readonly<{
  listeners: readonly string[];
  clusters: readonly string[];
  routes: readonly string[];
}>;

type ConfigDump = Readonly<{ configs: readonly Readonly<Record<string, unknown>>[] }>;

export class EnvoyOnAds {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #relay: Server;
  readonly #stopSecrets: () => void;
  #output = '';

  private constructor(folder: string, child: ChildProcess, relay: Server, stopSecrets: () => void) {
    this.#folder = folder;
    this.#child = child;
    this.#relay = relay;
    this.#stopSecrets = stopSecrets;
    child.stderr?.on('data', (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-20_000)));
  }

  /** Starts an Envoy and waits until it has what it asked for. */
  static async start(options: EnvoyOptions): Promise<EnvoyOnAds> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-envoy-'));
    const stopSecrets = await serveSecrets(join(folder, 'sds.sock'), options.root);
    const relay = await relayTo(options.ads, join(folder, 'ads.sock'));
    const file = join(folder, 'bootstrap.json');
    await writeFile(file, JSON.stringify(aBootstrap(folder, options)));
    const envoy = new EnvoyOnAds(folder, spawnEnvoy(options, file), relay, stopSecrets);
    try {
      await eventually(() => envoy.#isReady(), 20_000);
    } catch (cause) {
      await envoy.stop();
      throw new Error(`Envoy is not ready:\n${envoy.#output}`, { cause });
    }
    return envoy;
  }

  /** What it wrote, warnings and errors only, the last part of it. */
  get output(): string {
    return this.#output;
  }

  /** Counters and gauges whose name fits. */
  async stats(filter: RegExp): Promise<ReadonlyMap<string, number>> {
    const lines = (await this.#ask(`/stats?filter=${encodeURIComponent(filter.source)}`)).split('\n');
    return new Map(
      lines.filter((line) => line !== '').map((line) => [line.replace(/: .*/, ''), Number(line.replace(/.*: /, ''))]),
    );
  }

  /** What was refused or could not be made: nothing, when all is well. */
  async refusals(): Promise<readonly string[]> {
    const counted = await this.stats(/(update_rejected|listener_create_failure)$/);
    return [...counted].filter(([, count]) => count !== 0).map(([name, count]) => `${name}: ${count}`);
  }

  async inForce(): Promise<InForce> {
    const dump = JSON.parse(await this.#ask('/config_dump')) as ConfigDump;
    const all = (key: string) =>
      dump.configs.flatMap((config) => (config[key] ?? []) as readonly Readonly<Record<string, unknown>>[]);
    const nameIn = (key: string) => (entry: Readonly<Record<string, unknown>>) =>
      String((entry[key] as Readonly<Record<string, unknown>>)['name']);
    return {
      listeners: all('dynamic_listeners')
        .filter((listener) => listener['active_state'] !== undefined && listener['error_state'] === undefined)
        .map((listener) => String(listener['name']))
        .toSorted(),
      clusters: all('dynamic_active_clusters').map(nameIn('cluster')).toSorted(),
      routes: all('dynamic_route_configs').map(nameIn('route_config')).toSorted(),
    };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((done) => this.#child.once('exit', done));
      this.#child.kill('SIGKILL');
      await ended;
    }
    this.#stopSecrets();
    this.#relay.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}`);
    return (await this.#ask('/ready')).trim() === 'LIVE';
  }

  #ask(path: string): Promise<string> {
    return new Promise((done, fail) => {
      const call = request({ socketPath: join(this.#folder, 'admin.sock'), path }, (response) => {
        readAll(response).then(done, fail);
      });
      call.on('error', fail);
      call.end();
    });
  }
}

function spawnEnvoy({ binary, namespaceWith }: EnvoyOptions, file: string): ChildProcess {
  const flags = ['--concurrency', '1', '--use-dynamic-base-id', '--log-level', 'warning', '-c', file];
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  if (namespaceWith === undefined) return spawn(binary, flags, { stdio: [...stdio] });
  const addresses = namespaceWith.map((address) => `ip address add ${address} dev lo`);
  const script = ['ip link set lo up', ...addresses, 'exec "$@"'].join(' && ');
  return spawn('unshare', ['--net', 'sh', '-c', script, 'sh', binary, ...flags], { stdio: [...stdio] });
}

/** Passes what comes in on a unix socket to `host:port`. */
async function relayTo(target: string, socketPath: string): Promise<Server> {
  const [host = '', port = ''] = target.split(':');
  const server = createServer((inside) => {
    const outside = connect(Number(port), host);
    inside.pipe(outside).pipe(inside);
    for (const [end, other] of [[inside, outside] as const, [outside, inside] as const]) {
      end.on('error', () => other.destroy());
      end.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((done) => server.listen(socketPath, done));
  return server;
}

function aBootstrap(folder: string, { node, protocol }: EnvoyOptions): unknown {
  const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  return {
    node,
    layered_runtime: {
      layers: [
        {
          name: 'static',
          static_layer: {
            // Without it a listener must not look up others by the original destination, as `virtualOutbound` does.
            'envoy.deprecated_features:envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst': true,
          },
        },
      ],
    },
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    admin: { address: { pipe: { path: join(folder, 'admin.sock') } } },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: protocol,
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
    },
    static_resources: {
      clusters: [
        aGrpcCluster('xds-grpc', join(folder, 'ads.sock')),
        aGrpcCluster('sds-grpc', join(folder, 'sds.sock')),
      ],
    },
  };
}

function aGrpcCluster(name: string, path: string): unknown {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
    },
    typed_extension_protocol_options: {
      [options]: {
        '@type': `type.googleapis.com/${options}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}
