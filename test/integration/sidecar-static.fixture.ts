/** Sidecars that start from a bootstrap file, as processes of their own, and the pieces that such files are made of. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sidecarCommand } from '../support/sidecar-command.ts';
import { eventually } from '../support/eventually.ts';
import type { TestLeaf, TestRoot } from '../support/certificates.ts';

export type Json = Readonly<Record<string, unknown>>;

const repository = resolve(import.meta.dirname, '../..');
const types = 'type.googleapis.com/envoy.extensions.';

/** A running sidecar. */
export class StaticSidecar {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly exited: Promise<number | null>;
  #stderr = '';

  private constructor(folder: string, flags: readonly string[], nodeFlags: readonly string[]) {
    this.#folder = folder;
    const main = join(repository, 'sidecar/main.ts');
    const command = sidecarCommand();
    const args = [...command.nodeFlags, ...nodeFlags, main, '--config-path', join(folder, 'bootstrap.json'), ...flags];
    this.#child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...command.env },
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.exited = new Promise((done) => this.#child.once('exit', (code) => done(code)));
  }

  /** Starts one and waits until its ports take connections. */
  static async start(
    bootstrap: Json,
    ports: readonly number[],
    { flags = [], nodeFlags = [] }: { flags?: readonly string[]; nodeFlags?: readonly string[] } = {},
  ): Promise<StaticSidecar> {
    const folder = await mkdtemp(join(tmpdir(), 'tulle-static-'));
    await writeFile(join(folder, 'bootstrap.json'), JSON.stringify(bootstrap));
    const sidecar = new StaticSidecar(folder, flags, nodeFlags);
    try {
      await eventually(() => {
        if (sidecar.#child.exitCode !== null) throw new Error(sidecar.#stderr);
        return Promise.all(ports.map(canConnect));
      }, 15_000);
    } catch (error) {
      await sidecar.stop();
      throw error;
    }
    return sidecar;
  }

  /** What it logged, line by line. */
  get log(): readonly Json[] {
    const lines = this.#stderr.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Json);
  }

  /** The end of what it wrote to its standard error, also what is not JSON: the stack of a crash. */
  get lastWords(): string {
    return this.#stderr.slice(-4000);
  }

  /** Everything that it wrote to standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Memory that it holds, in bytes (Linux). */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid ?? 0}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024;
  }

  /** The process that was started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(name: 'SIGTERM' | 'SIGUSR2' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  /** Another configuration for the next process that starts from it. */
  async rewrite(bootstrap: Json): Promise<void> {
    await writeFile(join(this.#folder, 'bootstrap.json'), JSON.stringify(bootstrap));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function canConnect(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      done();
    });
    socket.on('error', fail);
  });
}

const socketAddress = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A listener from the mesh that sends everything to a cluster. */
export function aListener(
  name: string,
  port: number,
  cluster: string,
  { manager = {}, transport }: { manager?: Json; transport?: Json } = {},
): Json {
  const config = {
    '@type': `${types}filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${types}filters.http.router.v3.Router` } }],
    ...manager,
  };
  const filters = [{ name: 'http', typed_config: config }];
  const chain = transport === undefined ? { filters } : { filters, transport_socket: transport };
  return { name, address: socketAddress(port), traffic_direction: 'INBOUND', filter_chains: [chain] };
}

/** A listener that passes connections on to a cluster. */
export function aTcpListener(
  name: string,
  port: number,
  cluster: string,
  { proxy = {}, transport }: { proxy?: Json; transport?: Json } = {},
): Json {
  const config = {
    '@type': `${types}filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: name,
    cluster,
    ...proxy,
  };
  const filters = [{ name: 'tcp', typed_config: config }];
  const chain = transport === undefined ? { filters } : { filters, transport_socket: transport };
  return { name, address: socketAddress(port), traffic_direction: 'INBOUND', filter_chains: [chain] };
}

/** A cluster of one endpoint. */
export function aCluster(name: string, port: number, transport?: Json): Json {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }];
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints },
    ...(transport === undefined ? {} : { transport_socket: transport }),
  };
}

const inline = (text: string) => ({ inline_string: text });

/** The transport socket of a listener or cluster: own certificate, trusted root, and which SPIFFE IDs the peer may have. */
export function mutualTls(
  side: 'Downstream' | 'Upstream',
  own: TestLeaf,
  { root, peers }: { root: TestRoot; peers: readonly string[] },
): Json {
  const names = peers.map((exact) => ({ san_type: 'URI', matcher: { exact } }));
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${types}transport_sockets.tls.v3.${side}TlsContext`,
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        tls_certificates: [{ certificate_chain: inline(own.pem), private_key: inline(own.keyPem) }],
        validation_context: { trusted_ca: inline(root.pem), match_typed_subject_alt_names: names },
      },
    },
  };
}
