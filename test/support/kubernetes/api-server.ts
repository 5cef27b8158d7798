/**
 * A real Kubernetes API server with its etcd and controller manager for one test file, on free ports of loopback. The programs are
 * built by `.ci/kubernetes`; where they are missing, `withoutKubernetes` is the reason by which a suite is skipped.
 *
 * It is a 1.20: no CEL, no `policy/v1`, `autoscaling/v2` or EndpointSlice v1, no native sidecars. It has no scheduler and no
 * kubelet: who needs pods to run plays one.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, openSync, closeSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KubeConfig, KubernetesObjectApi } from '@kubernetes/client-node';
import { eventually } from '../eventually.ts';
import { freePort } from '../free-port.ts';

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const programs = join(process.env['TULLE_KUBERNETES'] ?? join(cache, 'tulle/kubernetes'), 'bin');
const run = promisify(execFile);
const adminToken = 'admin-token';

/** Why no API server can be started here; undefined when one can. */
export const withoutKubernetes: string | undefined = missing();

function missing(): string | undefined {
  try {
    accessSync(join(programs, 'kube-apiserver'), constants.X_OK);
    execFileSync('etcd', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'no Kubernetes API server: run .ci/kubernetes';
  }
}

/** Path of the `kubectl` of the same version. */
export const kubectl = join(programs, 'kubectl');

type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  child: ChildProcess;
};

/** Where an API server is that is not on our own loopback: with others in a network namespace. */
export type Place = Readonly<{
  /** Command that runs another one there. */
  within: readonly string[];
  /** Port there. */
  port: number;
  /** Port of our loopback where it is reached. */
  reachedAt: number;
  /** Address under which those in the cluster find it. */
  advertise: string;
  /** Where its own folder is made. */
  parent: string;
}>;

/** A running API server. `close` ends all its processes and removes its folder. */
export class ApiServer {
  readonly folder: string;
  readonly port: number;
  /** Path of a kubeconfig of a cluster administrator. */
  readonly kubeconfig: string;
  /** What an administrator shows to the API server. */
  readonly token = adminToken;
  readonly #place: Place | undefined;
  readonly #programs: Program[] = [];

  private constructor(folder: string, port: number, place: Place | undefined) {
    this.folder = folder;
    this.port = port;
    this.kubeconfig = join(folder, 'kubeconfig');
    this.#place = place;
  }

  static async start(place?: Place): Promise<ApiServer> {
    const folder = await mkdtemp(join(place?.parent ?? tmpdir(), 'tulle-kubernetes-'));
    const server = new ApiServer(folder, place?.reachedAt ?? (await freePort()), place);
    try {
      await server.#start();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** The configuration of a client that may do everything. */
  clientConfig(): KubeConfig {
    const config = new KubeConfig();
    config.loadFromFile(this.kubeconfig);
    return config;
  }

  /** A client for objects of any kind. */
  objects(): KubernetesObjectApi {
    return KubernetesObjectApi.makeApiClient(this.clientConfig());
  }

  /** Ends the API server as a crash does; its data stay. `resume` starts it again at the same port. */
  async kill(): Promise<void> {
    const [api] = this.#programs.filter(({ name }) => name === 'kube-apiserver');
    if (api !== undefined) await end(api.child);
  }

  async resume(): Promise<void> {
    const api = this.#programs.find(({ name }) => name === 'kube-apiserver');
    if (api === undefined) throw new Error('the API server was never started');
    api.child = this.#spawn(api);
    await this.#untilReady();
  }

  /** Nobody wants its data any more: it is not asked to save them. */
  async close(): Promise<void> {
    for (const { child } of this.#programs.toReversed()) await end(child);
    await rm(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { folder } = this;
    const [clients, peers, manager] = [await freePort(), await freePort(), await freePort()];
    execFileSync('openssl', ['genrsa', '-out', join(folder, 'sa.key'), '2048'], { stdio: 'ignore' });
    await writeFile(join(folder, 'tokens.csv'), `${adminToken},admin,admin,system:masters\n`);
    await writeFile(this.kubeconfig, JSON.stringify(kubeconfigOf(this.port)));
    this.#run('etcd', 'etcd', etcdFlags(clients, peers));
    const place = this.#place;
    const flags = place === undefined ? onLoopback(this.port) : inCluster(place);
    this.#run('kube-apiserver', join(programs, 'kube-apiserver'), [...apiServerFlags(clients), ...flags]);
    await this.#untilReady();
    const kubeconfig = place === undefined ? this.kubeconfig : join(folder, 'manager-kubeconfig');
    if (place !== undefined) await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(place.port)));
    this.#run('kube-controller-manager', join(programs, 'kube-controller-manager'), managerFlags(manager, kubeconfig));
    // The default namespace and its account come a few seconds late.
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    await eventually(async () => (await this.#get(path)) !== '', 60_000);
  }

  #untilReady(): Promise<unknown> {
    return eventually(async () => (await this.#get('/readyz')) === 'ok', 60_000);
  }

  /** The body of a 200; empty for anything else. */
  async #get(path: string): Promise<string> {
    const api = this.#programs.find(({ name }) => name === 'kube-apiserver');
    if (api?.child.exitCode !== null) throw new Error(`kube-apiserver ended: ${await this.log('kube-apiserver')}`);
    try {
      const flags = ['-sfk', '--max-time', '5', '-H', `Authorization: Bearer ${adminToken}`];
      // Not synchronous: a relay to the API server may be in this process.
      return (await run('curl', [...flags, `https://127.0.0.1:${this.port}${path}`])).stdout;
    } catch {
      return '';
    }
  }

  /** What a program printed. */
  log(name: string): Promise<string> {
    return readFile(join(this.folder, `${name}.log`), 'utf8');
  }

  #run(name: string, command: string, args: readonly string[]): void {
    this.#programs.push({ name, command, args, child: this.#spawn({ name, command, args }) });
  }

  #spawn({ name, command, args }: Pick<Program, 'name' | 'command' | 'args'>): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    // They end with the test, however it ends.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...(this.#place?.within ?? []), command, ...args], {
      cwd: this.folder,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    return child;
  }
}

function kubeconfigOf(port: number): object {
  const server = `https://127.0.0.1:${port}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token: adminToken } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  };
}

const etcdFlags = (clients: number, peers: number) => [
  '--data-dir=etcd-data',
  '--unsafe-no-fsync',
  `--listen-client-urls=http://127.0.0.1:${clients}`,
  `--advertise-client-urls=http://127.0.0.1:${clients}`,
  `--listen-peer-urls=http://127.0.0.1:${peers}`,
  `--initial-advertise-peer-urls=http://127.0.0.1:${peers}`,
  `--initial-cluster=default=http://127.0.0.1:${peers}`,
];

/** Tokens for the audience `istio-ca` can be asked for and reviewed, as the sidecars' are. */
const apiServerFlags = (etcd: number) => [
  `--etcd-servers=http://127.0.0.1:${etcd}`,
  '--cert-dir=certs',
  '--token-auth-file=tokens.csv',
  '--service-account-key-file=sa.key',
  '--service-account-signing-key-file=sa.key',
  '--service-account-issuer=https://kubernetes.default.svc',
  '--api-audiences=istio-ca,https://kubernetes.default.svc',
  '--authorization-mode=RBAC',
  '--allow-privileged=true',
];

/** Services have addresses of loopback: no call of a webhook leaves this machine, and who listens there answers it. */
const onLoopback = (port: number) => [
  '--service-cluster-ip-range=127.96.0.0/16',
  `--secure-port=${port}`,
  '--bind-address=127.0.0.1',
  '--disable-admission-plugins=ServiceAccount',
];

/** Pods get the token of their account as in a cluster of today: projected, bound to the pod. */
const inCluster = ({ port, advertise }: Place) => [
  '--service-cluster-ip-range=10.96.0.0/16',
  `--secure-port=${port}`,
  '--bind-address=0.0.0.0',
  `--advertise-address=${advertise}`,
  '--feature-gates=BoundServiceAccountTokenVolume=true',
];

const managerFlags = (port: number, kubeconfig: string) => [
  `--kubeconfig=${kubeconfig}`,
  '--service-account-private-key-file=sa.key',
  '--root-ca-file=certs/apiserver.crt',
  '--use-service-account-credentials=false',
  '--leader-elect=false',
  '--controllers=*,-nodelifecycle,-nodeipam',
  '--bind-address=127.0.0.1',
  '--port=0',
  `--secure-port=${port}`,
  '--cert-dir=manager-certs',
];

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
