import type { WorkloadEntry } from '#shared/model/resource.ts';
import { matchesLabels } from '#shared/model/selector.ts';
import type { MeshPort, MeshService } from './mesh-service.ts';

/** What an endpoint inside a ServiceEntry says, and the spec of a WorkloadEntry as well. */
export type InlineEndpoint = Readonly<{
  address?: string;
  labels?: Readonly<Record<string, string>>;
  locality?: string;
  network?: string;
  ports?: Readonly<Record<string, number>>;
  serviceAccount?: string;
  weight?: number;
}>;

/** Something that serves: a pod, a WorkloadEntry, or an endpoint written inside a ServiceEntry. */
export type Workload = Readonly<{
  /** Name of the WorkloadEntry, or of what runs the pod (its Deployment); empty for an inline endpoint. */
  name: string;
  namespace: string;
  address: string;
  labels: Readonly<Record<string, string>>;
  locality: string;
  ports: Readonly<Record<string, number>>;
  serviceAccount: string;
  weight: number;
  /** Whether it has a sidecar that takes mutual TLS. */
  isInMesh: boolean;
  /**
   * What its ports are: `entry` as a WorkloadEntry maps them, by the name or number of the service's port or its target; `slice` the port
   * for each port of the service by name, and no other; `container` the named ports of a pod's containers.
   */
  portsAre: 'entry' | 'slice' | 'container';
  /** Whether it may get traffic, as far as it says itself; see also `healthyWorkloads`. */
  isReady: boolean;
  /** The node of a pod; else empty. */
  nodeName: string;
  /** Its name below a headless service; else empty. */
  hostname: string;
}>;

type Conditions = Readonly<{ conditions?: readonly Readonly<{ type?: string; status?: string }>[] }>;

/** Whether a WorkloadEntry may get traffic: not when its status says that its health check fails. */
export function isHealthy(entry: WorkloadEntry & Readonly<{ status?: Conditions | undefined }>): boolean {
  return !(entry.status?.conditions ?? []).some(({ type, status }) => type === 'Healthy' && status === 'False');
}

/** The workload of a WorkloadEntry. Labels of its metadata win over those of its spec. */
export function fromWorkloadEntry(entry: WorkloadEntry): Workload {
  const { name, namespace, labels } = entry.metadata;
  return toWorkload({ ...entry.spec, labels: { ...entry.spec.labels, ...labels } }, name, namespace);
}

/** The workload of an endpoint inside a ServiceEntry. */
export function toWorkload(endpoint: InlineEndpoint, name: string, namespace: string): Workload {
  const labels = endpoint.labels ?? {};
  return {
    name,
    namespace,
    address: endpoint.address ?? '',
    labels,
    locality: endpoint.locality ?? labels['istio-locality']?.replaceAll('.', '/') ?? '',
    ports: endpoint.ports ?? {},
    serviceAccount: endpoint.serviceAccount ?? '',
    weight: endpoint.weight ?? 1,
    isInMesh: tlsMode(labels, endpoint.serviceAccount) === 'istio',
    portsAre: 'entry',
    isReady: true,
    nodeName: '',
    hostname: '',
  };
}

/**
 * The port to connect to: the workload's port of the service port's name, or of a named target; then the target itself,
 * unless the workload maps that number (a sidecar without interception takes the traffic on another port).
 */
export function connectPort(workload: Workload, port: MeshPort): number | undefined {
  if (workload.portsAre === 'slice') {
    return workload.ports[port.name];
  }
  if (workload.portsAre === 'container') {
    return typeof port.target === 'number' ? port.target : workload.ports[port.target];
  }
  const byName = workload.ports[port.name];
  if (byName !== undefined && port.name !== '') {
    return byName;
  }
  return workload.ports[String(port.target)] ?? (typeof port.target === 'number' ? port.target : undefined);
}

/** Those of some workloads of a service's namespace that it selects. */
export function selectWorkloads({ selector }: MeshService, candidates: readonly Workload[]): readonly Workload[] {
  return selector === undefined ? [] : candidates.filter((workload) => matchesLabels(selector, workload.labels));
}

/** The workloads that are written inside a service. */
export function inlineWorkloads(service: MeshService): readonly Workload[] {
  return service.endpoints.map((endpoint) => toWorkload(endpoint, '', service.namespace));
}

function tlsMode(labels: Readonly<Record<string, string>>, serviceAccount: string | undefined): string {
  return labels['security.istio.io/tlsMode'] ?? ((serviceAccount ?? '') === '' ? 'disabled' : 'istio');
}
