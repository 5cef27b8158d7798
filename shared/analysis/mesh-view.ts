import { coversHost, resolveHost } from '../model/hostname.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { DestinationRule, Resource, ResourceKind, Service, ServiceEntry } from '../model/resource.ts';
import { matchesLabels, type Labels } from '../model/selector.ts';

/** A host that clients may call, and the labels of each workload behind it, as far as resources tell them. */
export type KnownHost = Readonly<{ host: string; namespace: string; workloads: readonly Labels[] }>;

type OfKind<K extends ResourceKind> = Extract<Resource, Readonly<{ kind: K }>>;

/** All resources as checks look at them: by kind, hosts by name, rules by host. */
export class MeshView {
  readonly mesh: MeshConfig;
  readonly #byKind: ReadonlyMap<string, readonly Resource[]>;
  readonly #rules: ReadonlyMap<string, readonly DestinationRule[]>;
  readonly #wildcardRules: readonly string[];
  readonly #hosts = new Map<string, KnownHost>();
  readonly #wildcards: KnownHost[] = [];
  readonly #workloads: ReadonlyMap<string, readonly Labels[]>;

  constructor(resources: readonly Resource[], mesh: MeshConfig) {
    this.mesh = mesh;
    this.#byKind = Map.groupBy(resources, ({ kind }) => kind);
    this.#rules = Map.groupBy(this.ofKind('DestinationRule'), hostOf);
    this.#wildcardRules = [...this.#rules.keys()].filter((name) => name.startsWith('*'));
    this.#workloads = this.#gatherWorkloads();
    for (const service of this.ofKind('Service')) this.#add(this.#fromService(service));
    for (const entry of this.ofKind('ServiceEntry')) {
      for (const host of entry.spec.hosts) this.#add(this.#fromServiceEntry(entry, host));
    }
  }

  /** The resources of a kind. */
  ofKind<K extends ResourceKind>(kind: K): readonly OfKind<K>[] {
    // Grouped by this very field.
    return (this.#byKind.get(kind) ?? []) as readonly OfKind<K>[];
  }

  /** The known host of a full name, exact or by a wildcard; for a wildcard, any known host below it. */
  findHost(name: string): KnownHost | undefined {
    return (
      this.#hosts.get(name) ??
      this.#wildcards.find(({ host }) => coversHost(host, name)) ??
      (name.startsWith('*') ? [...this.#hosts.values()].find(({ host }) => coversHost(name, host)) : undefined)
    );
  }

  /** The DestinationRules that may hold for a host when it is called from a namespace. */
  rulesFor(host: string, clientNamespace: string): readonly DestinationRule[] {
    const namespaces = [clientNamespace, this.findHost(host)?.namespace, this.mesh.rootNamespace];
    const wildcards = this.#wildcardRules.filter((name) => coversHost(name, host));
    return [host, ...wildcards]
      .flatMap((name) => this.#rules.get(name) ?? [])
      .filter(({ metadata }) => namespaces.includes(metadata.namespace));
  }

  #add(known: KnownHost): void {
    if (known.host.startsWith('*')) this.#wildcards.push(known);
    else if (!this.#hosts.has(known.host)) this.#hosts.set(known.host, known);
  }

  #fromService({ metadata, spec }: Service): KnownHost {
    const { name, namespace } = metadata;
    const workloads = spec.selector === undefined ? [] : this.#select(spec.selector, namespace);
    return { host: resolveHost(name, namespace), namespace, workloads };
  }

  #fromServiceEntry({ metadata, spec }: ServiceEntry, host: string): KnownHost {
    const { namespace } = metadata;
    const inline = (spec.endpoints ?? []).map(({ labels }) => labels ?? {});
    const selector = spec.workloadSelector?.labels;
    const selected = selector === undefined ? [] : this.#select(selector, namespace);
    return { host: host.toLowerCase(), namespace, workloads: [...inline, ...selected] };
  }

  /** Labels of the workloads of a namespace that a selector takes. */
  #select(selector: Labels, namespace: string): readonly Labels[] {
    const [first] = Object.entries(selector);
    const some = first === undefined ? namespace : workloadsWith(namespace, first);
    return (this.#workloads.get(some) ?? []).filter((labels) => matchesLabels(selector, labels));
  }

  /** Labels of workloads by namespace, and by each of their labels: pods, registered ones, and groups of those to come. */
  #gatherWorkloads(): ReadonlyMap<string, readonly Labels[]> {
    const pods = this.ofKind('Pod').map(({ metadata }) => ({ metadata, labels: metadata.labels }));
    const entries = this.ofKind('WorkloadEntry').map(({ metadata, spec }) => ({
      metadata,
      labels: { ...metadata.labels, ...spec.labels },
    }));
    const groups = this.ofKind('WorkloadGroup').map(({ metadata, spec }) => ({
      metadata,
      labels: { ...spec.metadata?.labels, ...spec.template.labels },
    }));
    const found = new Map<string, Labels[]>();
    const add = (key: string, labels: Labels) => {
      const known = found.get(key);
      if (known === undefined) found.set(key, [labels]);
      else known.push(labels);
    };
    for (const { metadata, labels } of [...pods, ...entries, ...groups]) {
      add(metadata.namespace, labels);
      for (const label of Object.entries(labels)) add(workloadsWith(metadata.namespace, label), labels);
    }
    return found;
  }
}

/** Key of the workloads of a namespace that have a label; no namespace has a slash in its name. */
function workloadsWith(namespace: string, [name, value]: readonly [string, string]): string {
  return `${namespace}/${name}=${value}`;
}

function hostOf({ metadata, spec }: DestinationRule): string {
  return resolveHost(spec.host, metadata.namespace);
}
