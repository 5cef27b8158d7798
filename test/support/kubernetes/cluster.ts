/**
 * A whole cluster for one test file: a real API server and controller manager, and one node that runs pods as processes
 * (`kubelet/main.ts`). All of it is in one network namespace; from the outside the API server is reached by a relay on loopback.
 * Nothing of it outlives the node's process, which dies with this one.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { eventually } from '../eventually.ts';
import { ApiServer, kubectl, withoutKubernetes } from './api-server.ts';
import type { Output } from './kubelet/container.ts';
import { nodeAddress } from './kubelet/network.ts';
import type { Pod } from './kubelet/objects.ts';

/** Why no cluster can be started here; undefined when one can. */
export const withoutCluster: string | undefined = withoutKubernetes ?? missing();

function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  const programs = ['ip', 'iptables', 'unshare', 'nsenter', 'setpriv'];
  const absent = programs.find((program) => spawnSync(program, ['--version']).error !== undefined);
  if (absent !== undefined) return `needs ${absent}`;
  const works = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'true']).status === 0;
  return works ? undefined : 'no namespaces can be made here';
}

const prefix = 'tulle-cluster-';
const apiPort = 6443;

/** A running cluster. `close` ends all its processes and removes its folder. */
export class Cluster {
  readonly folder: string;
  readonly #node: ChildProcess;
  readonly #relay: Server;
  readonly #sockets = new Set<Socket>();
  #api: ApiServer | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    const log = openSync(join(folder, 'node.log'), 'a');
    const main = new URL('kubelet/main.ts', import.meta.url).pathname;
    this.#node = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--', process.execPath, main, '--folder', folder],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#relay = createServer((client) => this.#relayTo(`127.0.0.1:${apiPort}`, client));
  }

  static async start(): Promise<Cluster> {
    removeLeftovers();
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`)));
    try {
      await cluster.#start();
    } catch (error) {
      const log = await cluster.nodeLog();
      await cluster.close();
      throw new Error(`no cluster: ${log.slice(-2000)}`, { cause: error });
    }
    return cluster;
  }

  get api(): ApiServer {
    if (this.#api === undefined) throw new Error('the API server was never started');
    return this.#api;
  }

  /** Folder with the kubectl that fits. */
  get programs(): string {
    return dirname(kubectl);
  }

  /** Runs kubectl with these arguments: what it printed. Throws with its errors when it fails. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    const flags = ['--kubeconfig', this.api.kubeconfig, '--cache-dir', join(this.folder, 'kubectl-cache')];
    const run = promisify(execFile)(kubectl, [...flags, ...args], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    run.child.stdin?.end(input);
    return (await run).stdout;
  }

  /** `kubectl apply` of a text. Fields that its OpenAPI does not know are let through. */
  apply(yaml: string, ...flags: readonly string[]): Promise<string> {
    return this.kubectl(['apply', '--validate=false', '-f', '-', ...flags], yaml);
  }

  /** Waits until a Deployment's newest pods are all ready and the others gone from its count. */
  async rolledOut(deployment: string, namespace = 'default'): Promise<void> {
    await this.kubectl(['rollout', 'status', deployment, '-n', namespace, '--timeout=120s']);
  }

  /** The pods that labels select. */
  async pods(namespace: string, selector: string): Promise<readonly Pod[]> {
    const list: unknown = JSON.parse(
      await this.kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'json']),
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what kubectl prints
    return (list as { items: Pod[] }).items;
  }

  /** Runs a command in a container. */
  async exec(pod: string, container: string, command: readonly string[], timeoutMs = 10_000): Promise<Output> {
    const [namespace, name] = pod.split('/');
    const body = JSON.stringify({ namespace, pod: name, container, command, timeoutMs });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own node is at the other end
    return JSON.parse(await this.#control('POST', '/exec', body)) as Output;
  }

  /** What a container has printed, in all of its runs. Empty when there is none. */
  async logs(pod: string, container: string): Promise<string> {
    const [namespace = '', name = ''] = pod.split('/');
    const answer = await this.#control(
      'GET',
      `/logs?${new URLSearchParams({ namespace, pod: name, container }).toString()}`,
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own node is at the other end
    return (JSON.parse(answer) as { log: string }).log;
  }

  /** Runs a pod that this API server cannot hold as it is (native sidecars); it gets a copy without what it does not know. */
  async runStatic(pod: Pod): Promise<void> {
    await this.#control('POST', '/pods', JSON.stringify(pod));
  }

  /** Writes a file into the cluster's folder. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  /** A connection from the node to an address of the cluster: `10.244.0.5:8080`. */
  async connect(target: string): Promise<Socket> {
    const call = requestHttp({ socketPath: this.#socketPath, method: 'CONNECT', path: target, agent: false });
    call.end();
    const [, socket] = (await once(call, 'connect')) as [unknown, Socket];
    return socket;
  }

  nodeLog(): Promise<string> {
    return readFile(join(this.folder, 'node.log'), 'utf8').catch(() => '');
  }

  async close(): Promise<void> {
    // Pods, processes and namespaces go with the node's process.
    if (this.#node.exitCode === null && this.#node.signalCode === null) {
      const ended = once(this.#node, 'exit');
      this.#node.kill('SIGKILL');
      await ended;
    }
    await this.#api?.close();
    this.#relay.close();
    for (const socket of this.#sockets) socket.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #socketPath(): string {
    return join(this.folder, 'control.sock');
  }

  async #start(): Promise<void> {
    await eventually(async () => {
      if (this.#node.exitCode !== null) throw new Error('the node ended');
      const probe = connect(this.#socketPath);
      await once(probe, 'connect').finally(() => probe.destroy());
    }, 20_000);
    this.#relay.listen(0, '127.0.0.1');
    await once(this.#relay, 'listening');
    const reachedAt = (this.#relay.address() as AddressInfo).port;
    const within = ['setpriv', '--pdeathsig', 'KILL', 'nsenter', `--net=/proc/${this.#node.pid}/ns/net`, '--'];
    this.#api = await ApiServer.start({
      within,
      port: apiPort,
      reachedAt,
      advertise: nodeAddress,
      parent: this.folder,
    });
    await this.#control('POST', '/start', JSON.stringify({ token: this.#api.token, port: apiPort }));
  }

  async #control(method: string, path: string, body = ''): Promise<string> {
    const call = requestHttp({ socketPath: this.#socketPath, method, path, agent: false });
    call.end(body);
    const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream & { statusCode: number }];
    const answer = await text(response);
    if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${answer}`);
    return answer;
  }

  #relayTo(target: string, client: Socket): void {
    this.#sockets.add(client);
    client.on('close', () => this.#sockets.delete(client));
    client.on('error', () => client.destroy());
    this.connect(target).then(
      (upstream) => {
        upstream.on('error', () => client.destroy());
        upstream.on('close', () => client.destroy());
        client.on('close', () => upstream.destroy());
        client.pipe(upstream);
        upstream.pipe(client);
      },
      () => client.destroy(),
    );
  }
}

/** Folders of runs whose process is no more: their processes and namespaces went with it. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    try {
      process.kill(pid, 0);
    } catch {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}
