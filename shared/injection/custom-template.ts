import type { InjectionSettings } from './injection-settings.ts';
import { annotationsOf, isJsonObject, labelsOf, type Pod, type PodFragment } from './pod.ts';
import type { PodOptions } from './pod-options.ts';
import { appContainers } from './proxy-environment.ts';

/**
 * Templates of the settings: YAML that is merged over a pod strategically. In its texts stand placeholders, `{{ name }}`; a container
 * called `*` stands for each of the application's containers. Nothing is a program, and a value can never change the shape of the YAML.
 */

type Values = Readonly<Record<string, string>>;

const placeholder = /\{\{\s*([\w]+)(?::([^\s{}]+))?\s*\}\}/g;

/** The placeholders; `label:NAME` and `annotation:NAME` are the pod's (empty where it has none). */
export const placeholderNames = [
  'namespace',
  'podName',
  'workloadName',
  'workloadKind',
  'serviceAccount',
  'revision',
  'image',
  'controlPlane',
  'trustDomain',
  'clusterId',
  'network',
  'meshId',
  'container',
  'label',
  'annotation',
] as const;

/** A template with its placeholders filled in. Unknown placeholders stay as they are written, and are found by {@link unknownPlaceholders}. */
export function renderTemplate(
  template: PodFragment,
  pod: Pod,
  options: PodOptions,
  settings: InjectionSettings,
): PodFragment {
  const values: Values = {
    namespace: options.namespace,
    podName: pod.metadata?.name ?? '',
    workloadName: options.workload.name,
    workloadKind: options.workload.kind,
    serviceAccount: typeof pod.spec['serviceAccountName'] === 'string' ? pod.spec['serviceAccountName'] : 'default',
    revision: settings.revision,
    image: options.image,
    controlPlane: options.controlPlane,
    trustDomain: settings.mesh.trustDomain,
    clusterId: settings.clusterId,
    network: options.network,
    meshId: options.meshId,
  };
  const fill = (container: string) => (name: string, argument: string | undefined) => {
    if (name === 'container') return container;
    if (name === 'label') return labelsOf(pod)[argument ?? ''] ?? '';
    if (name === 'annotation') return annotationsOf(pod)[argument ?? ''] ?? '';
    return values[name];
  };
  const expanded = expandContainers(template, appContainers(pod), fill);
  // Only texts change: the shape stays that of a part of a pod.
  return fillIn(expanded, fill('')) as PodFragment;
}

/** Placeholders of a template that nobody fills in. */
export function unknownPlaceholders(template: unknown): string[] {
  const known: readonly string[] = placeholderNames;
  if (typeof template === 'string')
    return [...template.matchAll(/\{\{.*?\}\}/g)].flatMap(([text]) => {
      const [, name] = new RegExp(placeholder).exec(text) ?? [];
      return name !== undefined && known.includes(name) ? [] : [text];
    });
  if (Array.isArray(template)) return template.flatMap(unknownPlaceholders);
  return isJsonObject(template)
    ? Object.entries(template).flatMap(([name, value]) => [...unknownPlaceholders(name), ...unknownPlaceholders(value)])
    : [];
}

type Fill = (name: string, argument: string | undefined) => string | undefined;

function fillIn(value: unknown, fill: Fill): unknown {
  if (typeof value === 'string')
    return value.replaceAll(
      placeholder,
      (text: string, name: string, argument: string | undefined) => fill(name, argument) ?? text,
    );
  if (Array.isArray(value)) return value.map((one) => fillIn(one, fill));
  return isJsonObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [fillText(name, fill), fillIn(member, fill)]))
    : value;
}

const fillText = (text: string, fill: Fill) => String(fillIn(text, fill));

function expandContainers(
  template: PodFragment,
  names: readonly string[],
  fill: (container: string) => Fill,
): PodFragment {
  const containers = template.spec?.containers;
  if (containers === undefined) return template;
  const expanded = containers.flatMap((one) =>
    one.name === '*' ? names.map((name) => ({ ...(fillIn(one, fill(name)) as typeof one), name })) : [one],
  );
  return { ...template, spec: { ...template.spec, containers: expanded } };
}
