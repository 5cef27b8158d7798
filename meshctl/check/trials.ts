/** Trials with the API server's `dryRun`: it asks every webhook as for a real object, and stores nothing. */
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { ownPrefix, statusAnnotation } from '#shared/kubernetes/names.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { Trial } from './facts.ts';
import { isInjectedNamespace } from './injection.ts';

const name = 'tulle-check';
const fallbackNamespace = 'default';

/** How far the server's clock is ahead, by the time at which it would have made an object. */
export async function readClock({ api }: Cluster): Promise<number | null> {
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
  const before = Date.now();
  try {
    const made = await api.create(`/api/v1/namespaces/${fallbackNamespace}/configmaps?dryRun=All`, configMap);
    const middle = (before + Date.now()) / 2;
    const { creationTimestamp = '' } = made.metadata as { creationTimestamp?: string };
    // The server says whole seconds: half of one has passed, on average.
    const aheadMs = Date.parse(creationTimestamp) + 500 - middle;
    return Number.isNaN(aheadMs) ? null : aheadMs;
  } catch (error) {
    if (isMeshError(error)) return null;
    throw error;
  }
}

/** Tries a pod that asks for a sidecar: in a namespace with injection where there is one. */
export async function tryInjection(
  { api }: Cluster,
  namespaces: readonly ClusterObject[],
  own: string,
): Promise<Trial> {
  const injected = namespaces.find((namespace) => isInjectedNamespace(namespace, { namespace: own }));
  const namespace = injected?.metadata.name ?? fallbackNamespace;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { [`${ownPrefix}inject`]: 'true' } },
    spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'tulle/check' }] },
  };
  return attempt(async () => {
    const made = await api.create(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
    return made.metadata.annotations?.[statusAnnotation] !== undefined;
  });
}

/** Tries a resource that its definition takes and the rules of the mesh refuse: a route that leads nowhere. */
export async function tryValidation({ api }: Cluster): Promise<Trial> {
  const service = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name, namespace: fallbackNamespace },
    spec: { hosts: ['tulle-check.invalid'], http: [{ name: 'nowhere' }] },
  };
  const path = `/apis/networking.istio.io/v1/namespaces/${fallbackNamespace}/virtualservices?dryRun=All`;
  return attempt(async () => {
    await api.create(path, service);
    return false;
  });
}

async function attempt(work: () => Promise<boolean>): Promise<Trial> {
  try {
    return { kind: 'done', wasHandled: await work() };
  } catch (error) {
    if (!isMeshError(error)) throw error;
    const message = describeError(error);
    if (/failed calling webhook/.test(message)) return { kind: 'failed', message };
    // Its own answer, whatever it says.
    if (/mesh\.tulle\.dev" denied the request/.test(message)) return { kind: 'done', wasHandled: true };
    return { kind: 'not-tried', message };
  }
}
