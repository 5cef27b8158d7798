import type { ProxyView } from '#shared/admin/views.ts';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { controlPlaneName, controlPlanePorts } from '#shared/kubernetes/names.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { whyNotReady } from '../install/workload.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { ProxyFacts } from './facts.ts';

/** The proxies of all replicas: each knows those that are connected to it. Asked for through the API server. */
export async function readProxies(
  { api }: Pick<Cluster, 'api'>,
  deployments: readonly ClusterObject[],
  pods: readonly ClusterObject[],
): Promise<ProxyFacts> {
  const deployment = deployments.find(({ metadata }) => metadata.name === controlPlaneName);
  const replicas = pods.filter(
    (pod) =>
      pod.metadata.namespace === deployment?.metadata.namespace &&
      pod.metadata.labels?.['app.kubernetes.io/name'] === controlPlaneName &&
      whyNotReady(pod) === null,
  );
  if (replicas.length === 0) return { unknown: 'no replica of the control plane is ready to be asked for its proxies' };
  try {
    const lists = replicas.map(async ({ metadata }) => {
      const pod = `/api/v1/namespaces/${metadata.namespace ?? ''}/pods/${metadata.name}:${controlPlanePorts.admin}`;
      const answer = await api.text(`${pod}/proxy/api/v1/proxies`);
      return (JSON.parse(answer) as Readonly<{ items: readonly ProxyView[] }>).items;
    });
    return { proxies: (await Promise.all(lists)).flat() };
  } catch (error) {
    if (!isMeshError(error)) throw error;
    return { unknown: `the control plane could not be asked for its proxies: ${describeError(error)}` };
  }
}
