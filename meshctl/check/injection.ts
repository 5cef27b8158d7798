/** Which namespaces and pods are to have a sidecar, by the rules of the injector. */
import { parse } from 'yaml';
import { decide } from '#shared/injection/decide.ts';
import { defaultInjectionSettings, type InjectionSettings } from '#shared/injection/injection-settings.ts';
import { parseInjectionSettings } from '#shared/injection/parse-settings.ts';
import { isPod } from '#shared/injection/pod.ts';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import {
  injectionLabels,
  injectorConfigMap,
  ownName,
  revisionLabel,
  statusAnnotation,
  systemNamespaces,
} from '#shared/kubernetes/names.ts';
import type { Result } from '#shared/runtime/result.ts';
import { named, type Facts } from './facts.ts';

/** Of whom it is asked what an injector takes for its own. */
const ownRevision = 'default';

/** Whether pods of a namespace that say nothing get a sidecar. */
export function isInjectedNamespace({ metadata }: ClusterObject, { namespace }: Pick<Facts, 'namespace'>): boolean {
  if (metadata.name === namespace || systemNamespaces.includes(metadata.name)) return false;
  const labels = metadata.labels ?? {};
  const injection = labels[injectionLabels.own] ?? labels[injectionLabels.istio];
  if (injection === 'enabled' || injection === 'disabled') return injection === 'enabled';
  return (labels[ownName(revisionLabel)] ?? labels[revisionLabel]) === ownRevision;
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

/** Whether a pod as it is should have had a sidecar. */
export function shouldBeInjected(pod: ClusterObject, facts: Facts): boolean {
  const namespace = named(facts.namespaces, pod.metadata.namespace ?? '');
  if (namespace === undefined || namespace.metadata.name === facts.namespace || !isPod(pod)) return false;
  const { name, labels = {}, annotations = {} } = namespace.metadata;
  const about = { namespace: name, namespaceLabels: labels, namespaceAnnotations: annotations };
  return decide(pod, { ...about, owner: null, takesNativeSidecars: false }, settingsOf(facts)).inject;
}

/** The settings of the injector, as it reads them. */
export function parseInjectorSettings(document: unknown): Result<InjectionSettings> {
  return parseInjectionSettings({ injector: document, image: 'tulle/sidecar' });
}

/** What is in force; the defaults where it cannot be read, of which another check tells. */
function settingsOf({ configMaps }: Facts): InjectionSettings {
  const data = (named(configMaps, injectorConfigMap.name)?.['data'] ?? {}) as Readonly<Record<string, string>>;
  try {
    const parsed = parseInjectorSettings(parse(data[injectorConfigMap.key] ?? ''));
    if (parsed.ok) return parsed.value;
  } catch {
    // No YAML.
  }
  return defaultInjectionSettings('tulle/sidecar');
}
