/**
 * One pod, from its sandbox to its end: init containers in order (native sidecars among them stay), then its containers in order, each
 * when the one before has started; sidecars are the last to stop. Reports what it sees; decides nothing about the API server.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerProcess } from './container.ts';
import { ContainerRunner, timestamp } from './container-runner.ts';
import { type Mount, userArguments } from './container-script.ts';
import { environmentOf, expand } from './environment.ts';
import { commandOf, type ImageRule } from './images.ts';
import { dnsAddress, nodeAddress, type PodNetwork } from './network.ts';
import { type Container, isSidecar, type Pod } from './objects.ts';
import { type Progress } from './pod-status.ts';
import { PodVolumes } from './pod-volumes.ts';
import { Sandbox } from './sandbox.ts';
import type { VolumeSources } from './volumes.ts';

export type PodSettings = Readonly<{
  /** Folder of the pod, made and removed by it. */
  folder: string;
  network: PodNetwork;
  images: readonly ImageRule[];
  sources: VolumeSources;
  /** Folders of the machine that every container sees, and folders above them that not everybody may enter on the machine. */
  shown: readonly string[];
  opened: readonly string[];
  /** Folder for claims of persistent volumes, which outlive the pod. */
  claims: string;
  path: string;
  changed: () => void;
  log: (line: string) => void;
}>;

export class PodRunner {
  readonly #pod: Pod;
  readonly #settings: PodSettings;
  readonly #volumes: PodVolumes;
  readonly #containers = new Map<string, ContainerRunner>();
  readonly #startTime = timestamp();
  readonly #stopping = new AbortController();
  #sandbox: Sandbox | undefined;
  #finished = false;
  #deadline = Infinity;
  #stop: Promise<void> | undefined;
  /** When nothing of it runs any more. */
  readonly done: Promise<void>;

  constructor(pod: Pod, settings: PodSettings) {
    const { ip } = settings.network;
    this.#pod = { ...pod, status: { ...pod.status, podIP: ip, podIPs: [{ ip }], hostIP: nodeAddress } };
    this.#settings = settings;
    this.#volumes = new PodVolumes(this.#pod, settings);
    this.done = this.#run();
  }

  get progress(): Progress {
    return {
      ip: this.#sandbox === undefined ? undefined : this.#settings.network.ip,
      hostIp: nodeAddress,
      startTime: this.#startTime,
      containers: new Map([...this.#containers].map(([name, { state }]) => [name, state])),
      finished: this.#finished,
      now: timestamp(),
    };
  }

  process(container: string): ContainerProcess | undefined {
    return this.#containers.get(container)?.process;
  }

  logFile(container: string): string {
    return join(this.#settings.folder, `${container}.log`);
  }

  /** Something that its volumes are made of has changed. */
  refresh(): Promise<void> {
    return this.#volumes.refresh();
  }

  /** Stops everything within the time; a later call may shorten it. */
  terminate(graceSeconds: number): Promise<void> {
    const deadline = Date.now() + graceSeconds * 1000;
    if (this.#stop === undefined || deadline < this.#deadline) {
      this.#deadline = Math.min(deadline, this.#deadline);
      this.#stopping.abort();
      this.#stop ??= this.#stopAll(() => this.#deadline);
      if (graceSeconds === 0) for (const { process } of this.#containers.values()) process?.signal('SIGKILL');
    }
    return this.done;
  }

  async #run(): Promise<void> {
    const { folder, network, log } = this.#settings;
    try {
      await mkdir(folder, { recursive: true });
      this.#sandbox = await Sandbox.create(network, this.#pod.spec?.hostname ?? this.#pod.metadata?.name ?? 'pod');
      this.#settings.changed();
      await this.#writeNetworkFiles();
      await this.#volumes.prepare(this.#stopping.signal);
      if (await this.#runInits()) await this.#runApps();
    } catch (error) {
      log(`pod ${this.#pod.metadata?.name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    await (this.#stop ?? this.#stopAll(() => Date.now() + this.#graceSeconds * 1000));
    this.#volumes.close();
    await this.#sandbox?.close();
    this.#finished = true;
    this.#settings.changed();
  }

  /** Removes what is left of it on disk, its logs too. */
  remove(): Promise<void> {
    return rm(this.#settings.folder, { recursive: true, force: true });
  }

  get #graceSeconds(): number {
    return this.#pod.spec?.terminationGracePeriodSeconds ?? 30;
  }

  /** Whether all init containers came to their end, or started where they stay. */
  async #runInits(): Promise<boolean> {
    for (const container of this.#pod.spec?.initContainers ?? []) {
      if (this.#stopping.signal.aborted) return false;
      const restart = this.#pod.spec?.restartPolicy === 'Never' ? 'Never' : 'OnFailure';
      const runner = this.#start(container, isSidecar(container) ? 'Always' : restart);
      if (isSidecar(container)) {
        await runner.started;
        continue;
      }
      const exit = await runner.done;
      if (exit?.code !== 0) return false;
    }
    return !this.#stopping.signal.aborted;
  }

  async #runApps(): Promise<void> {
    const runners: ContainerRunner[] = [];
    const policy = this.#pod.spec?.restartPolicy;
    const restart = policy === 'Never' || policy === 'OnFailure' ? policy : 'Always';
    for (const container of this.#pod.spec?.containers ?? []) {
      if (this.#stopping.signal.aborted) return;
      const runner = this.#start(container, restart);
      runners.push(runner);
      await runner.begun;
    }
    await Promise.all(runners.map(({ done }) => done));
  }

  #start(container: Container, restart: 'Always' | 'OnFailure' | 'Never'): ContainerRunner {
    const { network, changed } = this.#settings;
    const launch = () => this.#launch(container);
    const runner = new ContainerRunner({
      container,
      ip: network.ip,
      launch,
      restart,
      graceSeconds: this.#graceSeconds,
      changed,
    });
    this.#containers.set(container.name, runner);
    return runner;
  }

  async #launch(container: Container): Promise<ContainerProcess> {
    const { folder, images, sources, shown, opened, path } = this.#settings;
    const image = commandOf(images, container);
    const variables = environmentOf(this.#pod, container, sources);
    const scratch = join(folder, 'roots', container.name);
    await mkdir(scratch, { recursive: true });
    return ContainerProcess.start({
      sandbox: this.#sandbox?.pid ?? 0,
      root: {
        scratch,
        shown,
        opened,
        mounts: [...this.#networkMounts(), ...(await this.#volumes.mountsOf(container))],
        readOnly: container.securityContext?.readOnlyRootFilesystem === true,
      },
      user: userArguments(container, this.#pod.spec?.securityContext),
      folder: container.workingDir ?? image.folder,
      command: image.command.map((word) => expand(word, variables)),
      env: { PATH: path, HOME: '/tmp', ...image.env, ...variables },
      logFile: this.logFile(container.name),
    });
  }

  #networkMounts(): Mount[] {
    const { folder } = this.#settings;
    return ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
      source: join(folder, name),
      target: `/etc/${name}`,
      readOnly: false,
    }));
  }

  async #writeNetworkFiles(): Promise<void> {
    const { folder, network } = this.#settings;
    const { metadata, spec } = this.#pod;
    const hostname = spec?.hostname ?? metadata?.name ?? '';
    const zones = [`${metadata?.namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'];
    const aliases = (spec?.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip} ${hostnames.join(' ')}`);
    const hosts = ['127.0.0.1 localhost', '::1 localhost', `${network.ip} ${hostname}`, ...aliases];
    await writeFile(join(folder, 'hosts'), `${hosts.join('\n')}\n`);
    await writeFile(join(folder, 'hostname'), `${hostname}\n`);
    await writeFile(
      join(folder, 'resolv.conf'),
      `nameserver ${dnsAddress}\nsearch ${zones.join(' ')}\noptions ndots:5\n`,
    );
  }

  /** Apps at once; sidecars after them, the last one first, each told early (preStop) that its end comes. */
  async #stopAll(deadline: () => number): Promise<void> {
    const inits = new Set((this.#pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
    const runners = [...this.#containers.values()];
    const sidecars = runners.filter(({ name }) => inits.has(name)).reverse();
    let before: Promise<unknown> = Promise.all(
      runners.filter(({ name }) => !inits.has(name)).map((runner) => runner.stop(deadline())),
    );
    const all = [before];
    for (const sidecar of sidecars) {
      before = sidecar.stop(deadline(), before);
      all.push(before);
    }
    await Promise.all(all);
  }
}
