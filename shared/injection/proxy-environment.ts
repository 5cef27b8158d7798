import { containerNames, sidecarPorts } from '../kubernetes/names.ts';
import type { InjectionSettings } from './injection-settings.ts';
import type { EnvVar, Pod } from './pod.ts';
import type { PodOptions } from './pod-options.ts';

/** Variables that the injector itself adds later, when it knows the whole pod. */
export const probersVariable = 'ISTIO_KUBE_APP_PROBERS';
export const metricsVariable = 'ISTIO_PROMETHEUS_ANNOTATIONS';

/**
 * The environment of a sidecar: who it is (from the pod's own fields), and its node metadata (`ISTIO_META_*`). Names are those that
 * Istio's injector writes; what the mesh or the pod gives as `proxyMetadata` wins over them.
 */
export function proxyEnvironment(pod: Pod, options: PodOptions, settings: InjectionSettings): EnvVar[] {
  const { workload, namespace, statusPort, network, proxyConfig } = options;
  const trustDomain = settings.mesh.trustDomain;
  const variables: EnvVar[] = [
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('INSTANCE_IPS', 'status.podIPs'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('HOST_IP', 'status.hostIP'),
    field('NODE_NAME', 'spec.nodeName'),
    { name: 'PROXY_CONFIG', value: JSON.stringify(proxyConfig) },
    { name: 'ISTIO_META_POD_PORTS', value: JSON.stringify(podPorts(pod)) },
    { name: 'ISTIO_META_APP_CONTAINERS', value: appContainers(pod).join(',') },
    { name: 'ISTIO_META_CLUSTER_ID', value: settings.clusterId },
    field('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'ISTIO_META_INTERCEPTION_MODE', value: options.mode },
    ...(network === '' ? [] : [{ name: 'ISTIO_META_NETWORK', value: network }]),
    ...(workload.name === ''
      ? []
      : [
          { name: 'ISTIO_META_WORKLOAD_NAME', value: workload.name },
          {
            name: 'ISTIO_META_OWNER',
            value: `kubernetes://apis/${workload.apiVersion}/namespaces/${namespace}/${workload.kind.toLowerCase()}s/${workload.name}`,
          },
        ]),
    { name: 'ISTIO_META_MESH_ID', value: options.meshId },
    { name: 'TRUST_DOMAIN', value: trustDomain },
    ...(statusPort === sidecarPorts.status || statusPort === 0
      ? []
      : [{ name: 'TULLE_STATUS_PORT', value: String(statusPort) }]),
  ];
  return withMetadata(variables, proxyConfig.proxyMetadata ?? {});
}

/** Variables of the mesh's or the pod's making, by name over what is there. */
export function withMetadata(variables: readonly EnvVar[], metadata: Readonly<Record<string, string>>): EnvVar[] {
  const names = new Set(variables.map(({ name }) => name));
  return [
    ...variables.map((one) => {
      const value = metadata[one.name];
      return value === undefined ? one : { name: one.name, value };
    }),
    ...Object.entries(metadata)
      .filter(([name]) => !names.has(name))
      .map(([name, value]) => ({ name, value })),
  ];
}

/** The application's containers of a pod, in order. */
export function appContainers(pod: Pod): string[] {
  return (pod.spec.containers ?? []).map(({ name }) => name).filter((name) => name !== containerNames.proxy);
}

/** The ports of the application, then those that the user gave the sidecar (a gateway's). */
function podPorts(pod: Pod): unknown[] {
  const containers = pod.spec.containers ?? [];
  const isProxy = (name: string) => name === containerNames.proxy;
  return [
    ...containers.filter(({ name }) => !isProxy(name)),
    ...containers.filter(({ name }) => isProxy(name)),
  ].flatMap(({ ports = [] }) => ports);
}

const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
