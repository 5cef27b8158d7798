/**
 * A mesh in network namespaces: two pods behind a router, on which the control plane runs, and one that is in no mesh.
 *
 *   client (sidecar) --- router (control plane, no mesh) --- server (sidecar, capture-app.ts)
 */
import assert from 'node:assert/strict';
import {
  chownSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AdminClient } from '../../meshctl/admin-client.ts';
import { aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export type PodName = 'client' | 'server';
export type WorldOptions = Readonly<{
  mode: 'REDIRECT' | 'TPROXY';
  /** `dual`: pods have both, IPv4 first. */
  addresses: 'dual' | 'IPv6';
  concurrency: 1 | 2;
  /** The sidecar's user; its group is 1337. 0, as Istio has it for TPROXY, where a container cannot give capabilities to others. */
  user: 0 | 1337;
}>;

/** Addresses of the pods, of the router towards each, and of services (which nobody has: sidecars alone know them). */
export const podAddresses = {
  client: { 4: '10.77.1.2', 6: 'fd77:1::2' },
  server: { 4: '10.77.2.2', 6: 'fd77:2::2' },
} as const;
const routerAddresses = {
  client: { 4: '10.77.1.1', 6: 'fd77:1::1' },
  server: { 4: '10.77.2.1', 6: 'fd77:2::1' },
} as const;
export const outside = routerAddresses.server;
export const serviceAddress = { 4: '10.96.0.10', 6: 'fd96::10' } as const;
/** The router towards a namespace that is made as docs/capture.md says. */
const laptop = '10.99.0.1';
/** The sidecar's group. */
const sidecarGroup = '1337';

const service = (name: string, spec: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: ${spec}
`;

function flags(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flat();
}

/** Pods are registered with the first of their addresses. */
function workloads(addresses: WorldOptions['addresses']): string {
  return (['client', 'server'] as const)
    .map((name) => {
      const address = podAddresses[name][addresses === 'dual' ? 4 : 6];
      return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: shop, labels: {app: ${name}}}
spec: {address: '${address}', serviceAccount: ${name}, labels: {app: ${name}}}
`;
    })
    .join('---\n');
}

function config(addresses: WorldOptions['addresses']): string {
  const { 4: v4, 6: v6 } = serviceAddress;
  const own = addresses === 'dual' ? `clusterIP: ${v4}, clusterIPs: ['${v4}', '${v6}']` : `clusterIP: '${v6}'`;
  const ports = [
    '{name: http, port: 80, targetPort: 8080, protocol: TCP}',
    '{name: tls, port: 443, targetPort: 8443, protocol: TCP}',
    '{name: tcp-first, port: 9000, targetPort: 9000, protocol: TCP}',
    '{name: tcp-plain, port: 9002, targetPort: 9002, protocol: TCP}',
    '{name: tcp-postgres, port: 5432, targetPort: 5432, protocol: TCP}',
  ];
  const headless = ['{name: http, port: 8080, protocol: TCP}', '{name: tcp, port: 9000, protocol: TCP}'];
  return [
    service('server', `{${own}, selector: {app: server}, ports: [${ports.join(', ')}]}`),
    service('headless', `{clusterIP: None, selector: {app: server}, ports: [${headless.join(', ')}]}`),
    `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: server, namespace: shop}
spec: {selector: {matchLabels: {app: server}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {9002: {mode: DISABLE}}}
`,
    workloads(addresses),
  ].join('---\n');
}

export class CaptureWorld {
  readonly options: WorldOptions;
  readonly folder = mkdtempSync(join(tmpdir(), 'tulle-capture-'));
  readonly router = new NetworkNamespace();
  readonly pods: Readonly<Record<PodName, NetworkNamespace>> = {
    client: new NetworkNamespace(),
    server: new NetworkNamespace(),
  };

  private constructor(options: WorldOptions) {
    this.options = options;
  }

  /** Everything up and ready; captured already, as in a pod, where rules come before the sidecar. */
  static async start(options: WorldOptions): Promise<CaptureWorld> {
    const world = new CaptureWorld(options);
    try {
      world.#connect();
      await world.#startControlPlane();
      await Promise.all((['client', 'server'] as const).map((name) => world.#startPod(name)));
      return world;
    } catch (error) {
      const logs = ['control-plane', 'client', 'server'].map((name) => `--- ${name}\n${world.log(name)}`);
      await world.close();
      throw new Error(logs.join('\n'), { cause: error });
    }
  }

  /** The versions of IP that pods have, in the order in which they have them. */
  get versions(): readonly (4 | 6)[] {
    return this.options.addresses === 'dual' ? [4, 6] : [6];
  }

  log(name: string): string {
    try {
      return readFileSync(join(this.folder, `${name}.log`), 'utf8');
    } catch {
      return '';
    }
  }

  /** Runs `meshctl capture` in a pod. */
  async capture(pod: PodName, ...args: readonly string[]): Promise<void> {
    const { code, error } = await this.pods[pod].run(process.execPath, [`${root}meshctl/main.ts`, 'capture', ...args]);
    assert.equal(code, 0, error);
  }

  /** The sidecar's numbers. */
  async metrics(pod: PodName): Promise<string> {
    const { out, error } = await this.pods[pod].run('curl', ['-sS', 'http://127.0.0.1:15000/stats/prometheus']);
    assert.notEqual(out, '', error);
    return out;
  }

  async close(): Promise<void> {
    for (const space of [...Object.values(this.pods), this.router]) await space.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #connect(): void {
    for (const name of ['client', 'server'] as const) {
      const [own, gateway] = [podAddresses[name], routerAddresses[name]];
      const length = { 4: 24, 6: 64 } as const;
      const addresses = (of: Readonly<Record<4 | 6, string>>) => this.versions.map((v) => `${of[v]}/${length[v]}`);
      NetworkNamespace.join(
        name,
        { in: this.pods[name], addresses: addresses(own) },
        { in: this.router, addresses: addresses(gateway) },
      );
      for (const version of this.versions) this.pods[name].ip(`-${version} route add default via ${gateway[version]}`);
    }
    this.router.write('/proc/sys/net/ipv4/ip_forward', '1');
    this.router.write('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  }

  async #startControlPlane(): Promise<void> {
    const data = join(this.folder, 'cp');
    mkdirSync(join(this.folder, 'config'));
    writeFileSync(join(this.folder, 'config', 'mesh.yaml'), config(this.options.addresses));
    const [version] = this.versions;
    const advertised = [...(['client', 'server'] as const).map((name) => routerAddresses[name][version ?? 4]), laptop];
    this.#start(this.router, 'control-plane', [
      process.execPath,
      `${root}control-plane/main.ts`,
      ...flags({
        '--config-dir': join(this.folder, 'config'),
        '--data-dir': data,
        '--xds-tls': '[::]:15012',
        '--xds-plaintext': 'off',
        '--admin': '127.0.0.1:8080',
      }),
      ...advertised.flatMap((name) => ['--advertise', name]),
    ]);
    const ready = () => this.router.run('curl', ['-sSf', 'http://127.0.0.1:8080/ready']);
    await eventually(async () => (await ready()).code === 0, 60_000);
  }

  async #startPod(name: PodName): Promise<void> {
    const home = join(this.folder, name);
    mkdirSync(join(home, 'data'), { recursive: true });
    mkdirSync(join(home, 'etc/istio/pod'), { recursive: true });
    writeFileSync(join(home, 'etc/istio/pod/labels'), `app="${name}"\n`);
    writeFileSync(join(home, 'etc/istio/pod/annotations'), '');
    writeFileSync(join(home, 'token'), await this.#token(name));
    // The folder of the control plane is closed to all others.
    copyFileSync(join(this.folder, 'cp/ca.pem'), join(home, 'ca.pem'));
    for (const path of [home, join(home, 'data'), this.folder]) chownSync(path, this.options.user, -1);
    if (name === 'server') this.#startApp(home);
    await this.capture(name, 'apply', '--mode', this.options.mode, '--exclude-inbound-ports', '8081');
    this.#startSidecar(name, home);
    const ready = () => this.pods[name].run('curl', ['-sSf', 'http://127.0.0.1:15021/healthz/ready']);
    await eventually(async () => (await ready()).code === 0, 60_000);
  }

  #startApp(home: string): void {
    const leaf = aWorkloadLeaf(aRoot());
    writeFileSync(join(home, 'app.key'), leaf.keyPem);
    writeFileSync(join(home, 'app.pem'), leaf.pem);
    this.#start(this.pods.server, 'app', [process.execPath, `${root}test/e2e/capture-app.ts`, home]);
  }

  #startSidecar(name: PodName, home: string): void {
    const [version = 4] = this.versions;
    const gateway = routerAddresses[name][version];
    const { mode, concurrency, user } = this.options;
    const capabilities =
      mode === 'TPROXY' && user !== 0 ? { '--inh-caps': '+net_admin', '--ambient-caps': '+net_admin' } : {};
    this.#start(
      this.pods[name],
      name,
      [
        'setpriv',
        '--clear-groups',
        ...flags({ '--reuid': String(user), '--regid': sidecarGroup, ...capabilities }),
        process.execPath,
        `${root}sidecar/main.ts`,
        '--pod',
        ...flags({
          '--interception': mode,
          '--control-plane': `${version === 6 ? `[${gateway}]` : gateway}:15012`,
          '--concurrency': String(concurrency),
          '--ca-cert': join(home, 'ca.pem'),
          '--token-file': join(home, 'token'),
          '--data-dir': join(home, 'data'),
          '--drain-seconds': '0',
        }),
      ],
      {
        TULLE_POD_ROOT: home,
        POD_NAME: name,
        POD_NAMESPACE: 'shop',
        SERVICE_ACCOUNT: name,
        INSTANCE_IP: podAddresses[name][version],
        INSTANCE_IPS: this.versions.map((each) => podAddresses[name][each]).join(','),
        ISTIO_META_DNS_CAPTURE: 'false',
      },
    );
  }

  async #token(account: string): Promise<string> {
    const socketPath = join(this.folder, 'cp', 'admin.sock');
    const admin = new AdminClient({ host: '127.0.0.1', port: 8080, socketPath });
    const body = JSON.stringify({ namespace: 'shop', serviceAccount: account });
    return (await admin.change<{ token: string }>('POST', '/api/v1/tokens', body)).token;
  }

  #start(
    space: NetworkNamespace,
    name: string,
    [command = '', ...args]: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ) {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    space.start(command, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    closeSync(log);
  }
}
