/** Which namespaces and pods are to have a sidecar, by the rules of the injector. */
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { injectionLabels, statusAnnotation, systemNamespaces } from '#shared/kubernetes/names.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import type { Facts } from './facts.ts';

/** Whether pods of a namespace that say nothing get a sidecar. */
export function isInjectedNamespace({ metadata }: ClusterObject, { namespace }: Pick<Facts, 'namespace'>): boolean {
  if (metadata.name === namespace || systemNamespaces.includes(metadata.name)) return false;
  const labels = metadata.labels ?? {};
  return (labels[injectionLabels.own] ?? labels[injectionLabels.istio]) === 'enabled';
}

/** Whether a pod has a sidecar. */
export function isInjected({ metadata }: ClusterObject): boolean {
  return metadata.annotations?.[statusAnnotation] !== undefined;
}

/** Whether a pod runs, or is to. */
export function isAlive(pod: ClusterObject): boolean {
  const { phase } = (pod['status'] ?? {}) as { phase?: string };
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

const labelNames = ['mesh.tulle.dev/inject', 'sidecar.istio.io/inject'];

/** Whether a pod as it is should have had a sidecar. */
export function shouldBeInjected(pod: ClusterObject, facts: Pick<Facts, 'namespace' | 'namespaces'>): boolean {
  const namespace = facts.namespaces.find(({ metadata }) => metadata.name === pod.metadata.namespace);
  if (namespace === undefined || (pod['spec'] as { hostNetwork?: boolean }).hostNetwork === true) return false;
  const { labels = {}, annotations = {} } = pod.metadata;
  const wish = [labels, annotations].flatMap((from) => labelNames.flatMap((name) => from[name] ?? []))[0];
  return isInjectedNamespace(namespace, facts) && wish !== 'false';
}

/** The settings of the injector, as it reads them. */
export function parseInjectorSettings(document: unknown): Result<unknown> {
  const isMap = typeof document === 'object' && document !== null && !Array.isArray(document);
  return isMap ? ok(document) : fail([problem('', 'must be a map of settings')]);
}
