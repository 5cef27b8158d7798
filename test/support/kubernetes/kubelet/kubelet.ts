/**
 * A node for tests: kubelet, scheduler, kube-proxy and the cluster's DNS in one process, in a network namespace that is the node.
 *
 *   API server --watch--> pods      -> bound to this node, run (PodRunner), their status patched, deleted at their end
 *                         services,
 *                         endpoints -> rules of iptables, records of DNS
 *                         configMaps,
 *                         secrets   -> variables and volumes
 */
import { join } from 'node:path';
import { type Access, Api, isMissing, Store } from './api.ts';
import { recordsOf } from './dns-records.ts';
import { DnsServer } from './dns-server.ts';
import type { ImageRule } from './images.ts';
import { kubeletPort, LogServer } from './log-server.ts';
import { mirrorOf } from './mirror.ts';
import { dnsAddress, nodeAddress, podNetwork } from './network.ts';
import { type ConfigMap, type Endpoints, keyOf, type Pod, type Secret, type Service } from './objects.ts';
import { PodReporter } from './pod-reporter.ts';
import { PodRunner } from './pod-runner.ts';
import { podSources } from './pod-sources.ts';
import { pipe } from './sandbox.ts';
import { serviceRules } from './service-rules.ts';

export type KubeletSettings = Readonly<{
  access: Access;
  nodeName: string;
  folder: string;
  images: readonly ImageRule[];
  shown: readonly string[];
  opened: readonly string[];
  path: string;
  log: (line: string) => void;
}>;

type Entry = { pod: Pod; readonly runner: PodRunner; readonly reporter: PodReporter };

/** Numbers that addresses of pods are made from; the node has 1. */
const firstPod = 2;
const lastPod = 65_000;

export class Kubelet {
  readonly #settings: KubeletSettings;
  readonly #api: Api;
  readonly #pods: Store<Pod>;
  readonly #services: Store<Service>;
  readonly #endpoints: Store<Endpoints>;
  readonly #configMaps: Store<ConfigMap>;
  readonly #secrets: Store<Secret>;
  readonly #entries = new Map<string, Entry>();
  readonly #static = new Map<string, Pod>();
  readonly #dns: DnsServer;
  readonly #logs: LogServer;
  #number = firstPod;
  #rules: Promise<void> = Promise.resolve();
  #rulesAsked = false;
  #closed = false;

  constructor(settings: KubeletSettings) {
    this.#settings = settings;
    this.#api = new Api(settings.access);
    const networkChanged = () => this.#writeRules();
    const filesChanged = ({ metadata }: ConfigMap | Secret) => this.#refreshVolumes(metadata?.namespace);
    this.#pods = new Store(this.#api, '/api/v1/pods', (pod, gone) => this.#podChanged(pod, gone));
    this.#services = new Store(this.#api, '/api/v1/services', networkChanged);
    this.#endpoints = new Store(this.#api, '/api/v1/endpoints', networkChanged);
    this.#configMaps = new Store(this.#api, '/api/v1/configmaps', filesChanged);
    this.#secrets = new Store(this.#api, '/api/v1/secrets', filesChanged);
    this.#logs = new LogServer(settings.folder, (namespace, pod, container) =>
      this.runner(namespace, pod)?.logFile(container),
    );
    this.#dns = new DnsServer((host) => recordsOf(host, this.#services.list(), this.#endpoints.list()));
  }

  /** Registers the node and runs what is there for it. The network of the node must be set up. */
  async start(): Promise<void> {
    await this.#register();
    await this.#dns.listen(dnsAddress);
    await this.#logs.listen(nodeAddress);
    for (const store of [this.#services, this.#endpoints, this.#configMaps, this.#secrets, this.#pods])
      await store.start();
  }

  /** Ends all pods without grace. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const store of [this.#pods, this.#services, this.#endpoints, this.#configMaps, this.#secrets])
      await store.close();
    await Promise.all([...this.#entries.values()].map(({ runner }) => runner.terminate(0)));
    this.#dns.close();
    this.#logs.close();
    await this.#rules;
    this.#api.close();
  }

  /** Runs a pod that the API server cannot hold as it is (native sidecars): it gets a copy without what it does not know. */
  async runStatic(pod: Pod): Promise<void> {
    this.#static.set(keyOf(pod), pod);
    await this.#api.post(`/api/v1/namespaces/${pod.metadata?.namespace}/pods`, mirrorOf(pod, this.#settings.nodeName));
  }

  runner(namespace: string, name: string): PodRunner | undefined {
    return this.#entries.get(`${namespace}/${name}`)?.runner;
  }

  #podChanged(pod: Pod, gone: boolean): void {
    const key = keyOf(pod);
    const entry = this.#entries.get(key);
    if (gone) {
      if (entry?.pod.metadata?.uid === pod.metadata?.uid) void entry?.runner.terminate(0);
      return;
    }
    if (entry !== undefined && entry.pod.metadata?.uid === pod.metadata?.uid) {
      entry.pod = pod;
      if (pod.metadata?.deletionTimestamp !== undefined) this.#delete(entry);
      return;
    }
    const { nodeName } = pod.spec ?? {};
    if (nodeName === undefined) void this.#bind(pod);
    else if (nodeName === this.#settings.nodeName && isToRun(pod)) void this.#run(pod, entry);
    else if (nodeName === this.#settings.nodeName && pod.metadata?.deletionTimestamp !== undefined)
      void this.#remove(pod);
  }

  #delete({ runner, pod }: Entry): void {
    void runner.terminate(pod.metadata?.deletionGracePeriodSeconds ?? 30);
  }

  async #bind(pod: Pod): Promise<void> {
    const { name, namespace } = pod.metadata ?? {};
    const target = { apiVersion: 'v1', kind: 'Node', name: this.#settings.nodeName };
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target };
    await this.#api.post(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding).catch((error: unknown) => {
      this.#settings.log(`binding of ${keyOf(pod)}: ${String(error)}`);
    });
  }

  /** Runs a pod; one of the same name that is still there comes to its end first. */
  async #run(given: Pod, before: Entry | undefined): Promise<void> {
    const { spec } = this.#static.get(keyOf(given)) ?? given;
    const pod: Pod = { ...given, spec: { containers: [], ...spec, nodeName: this.#settings.nodeName } };
    const { folder, images, shown, opened, path, log } = this.#settings;
    const uid = pod.metadata?.uid ?? '';
    const number = this.#number;
    this.#number = number === lastPod ? firstPod : number + 1;
    const report: { changed: () => void } = { changed: () => undefined };
    const runner = new PodRunner(pod, {
      folder: join(folder, 'pods', uid),
      claims: join(folder, 'claims'),
      network: podNetwork(number),
      sources: podSources(this.#api, pod, this.#configMaps, this.#secrets),
      changed: () => report.changed(),
      images,
      shown,
      opened,
      path,
      log,
    });
    const reporter = new PodReporter(this.#api, pod, runner, log);
    report.changed = () => reporter.changed();
    const entry: Entry = { pod: given, runner, reporter };
    this.#entries.set(keyOf(pod), entry);
    if (before !== undefined) await before.runner.terminate(0);
    await runner.done;
    if (this.#closed) return;
    await reporter.flush();
    if (entry.pod.metadata?.deletionTimestamp !== undefined) await this.#remove(entry.pod);
  }

  /** The last word about a pod that was to be deleted. */
  async #remove(pod: Pod): Promise<void> {
    const { name, namespace, uid } = pod.metadata ?? {};
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await this.#api.delete(path, { gracePeriodSeconds: 0, preconditions: { uid } }).catch((error: unknown) => {
      if (!isMissing(error)) this.#settings.log(`removal of ${keyOf(pod)}: ${String(error)}`);
    });
  }

  #refreshVolumes(namespace: string | undefined): void {
    for (const { pod, runner } of this.#entries.values())
      if (pod.metadata?.namespace === namespace) void runner.refresh();
  }

  /** Writes the rules after changes: one writer, the newest state, each burst of changes once. */
  #writeRules(): void {
    if (this.#rulesAsked) return;
    this.#rulesAsked = true;
    this.#rules = this.#rules
      .then(() => {
        this.#rulesAsked = false;
        return pipe('iptables-restore', [], serviceRules(this.#services.list(), this.#endpoints.list()));
      })
      .catch((error: unknown) => this.#settings.log(`rules of services: ${String(error)}`));
  }

  async #register(): Promise<void> {
    const { nodeName: name } = this.#settings;
    const resources = { cpu: '8', memory: '32Gi', pods: '500', 'ephemeral-storage': '100Gi' };
    const labels = {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'topology.kubernetes.io/zone': 'zone-a',
    };
    await this.#api.post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    await this.#api.merge(`/api/v1/nodes/${name}/status`, {
      status: {
        capacity: resources,
        allocatable: resources,
        addresses: [{ type: 'InternalIP', address: nodeAddress }],
        conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
        nodeInfo: { kubeletVersion: 'v1.20.2', operatingSystem: 'linux', architecture: 'amd64' },
      },
    });
  }
}

/** Pods that have come to their end are not run again, nor those that are to be deleted before they began. */
function isToRun({ metadata, status }: Pod): boolean {
  return metadata?.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}
