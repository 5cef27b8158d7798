/** The environment of a container: literal values, references to ConfigMaps and Secrets, and the downward API. */
import type { Container, Pod } from './objects.ts';

type EnvSource = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

/** What references are looked up in; undefined for what is not there. */
export type Sources = Readonly<{
  configMap: (name: string) => Readonly<Record<string, string>> | undefined;
  secret: (name: string) => Readonly<Record<string, string>> | undefined;
}>;

/** Bytes and cores that a container without limits is told. */
const allocatable: Readonly<Record<string, string>> = { cpu: '2', memory: '8Gi', 'ephemeral-storage': '8Gi' };

/** The variables of a container, later ones referring to earlier ones by `$(NAME)`. Throws for a reference to what is not there. */
export function environmentOf(pod: Pod, container: Container, sources: Sources): Record<string, string> {
  const result: Record<string, string> = {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    HOSTNAME: pod.spec?.hostname ?? pod.metadata?.name ?? '',
  };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    const values = configMapRef === undefined ? sources.secret(ref?.name ?? '') : sources.configMap(ref?.name ?? '');
    if (values === undefined && ref?.optional !== true) throw new Error(`envFrom: "${ref?.name}" not found`);
    for (const [name, value] of Object.entries(values ?? {})) result[prefix + name] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found =
      valueFrom === undefined ? expand(value ?? '', result) : referenced(valueFrom, { pod, container, sources });
    if (found !== undefined) result[name] = found;
  }
  return result;
}

/** `$(NAME)` by its value, `$$(NAME)` by `$(NAME)`; names that are not there stay as they are. */
export function expand(value: string, environment: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\$|\$\(([\w.-]+)\)/g, (all, name: string | undefined) =>
    name === undefined ? '$' : (environment[name] ?? all),
  );
}

type Context = Readonly<{ pod: Pod; container: Container; sources: Sources }>;

function referenced(from: EnvSource, { pod, container, sources }: Context): string | undefined {
  if (from.fieldRef !== undefined) return fieldOf(pod, from.fieldRef.fieldPath);
  if (from.resourceFieldRef !== undefined) {
    const { resource, divisor = '1' } = from.resourceFieldRef;
    return resourceOf(container, resource, divisor);
  }
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  const values =
    from.configMapKeyRef === undefined ? sources.secret(ref?.name ?? '') : sources.configMap(ref?.name ?? '');
  const value = values?.[ref?.key ?? ''];
  if (value === undefined && ref?.optional !== true) throw new Error(`"${ref?.name}" has no key "${ref?.key}"`);
  return value;
}

/** A field of the downward API. A file of labels or annotations has one `key="value"` a line. */
export function fieldOf(pod: Pod, path: string): string {
  const { metadata, spec, status } = pod;
  const [, group, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (key !== undefined) return (group === 'labels' ? metadata?.labels : metadata?.annotations)?.[key] ?? '';
  const lines = (map: Readonly<Record<string, string>> = {}) =>
    Object.entries(map)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join('\n');
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata?.name,
    'metadata.namespace': metadata?.namespace,
    'metadata.uid': metadata?.uid,
    'metadata.labels': lines(metadata?.labels),
    'metadata.annotations': lines(metadata?.annotations),
    'spec.nodeName': spec?.nodeName,
    'spec.serviceAccountName': spec?.serviceAccountName ?? 'default',
    'status.hostIP': status?.hostIP,
    'status.hostIPs': status?.hostIP,
    'status.podIP': status?.podIP,
    'status.podIPs': (status?.podIPs ?? []).map(({ ip }) => ip).join(','),
  };
  const value = fields[path];
  if (value === undefined) throw new Error(`fieldRef ${path} is not known`);
  return value;
}

/** A request or limit of the container in units of the divisor, rounded up; limits default to what the node has. */
export function resourceOf({ resources }: Container, resource: string, divisor: string): string {
  const [kind, name = ''] = resource.split('.');
  const given = kind === 'limits' ? (resources?.limits?.[name] ?? allocatable[name]) : resources?.requests?.[name];
  return String(Math.ceil(quantity(given ?? '0') / quantity(divisor === '0' ? '1' : divisor)));
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function quantity(text: string): number {
  const [, digits = '', suffix = ''] = /^([\d.]+)(\w*)$/.exec(text) ?? [];
  const factor = suffix === '' ? 1 : suffixes[suffix];
  if (digits === '' || factor === undefined) throw new Error(`${text} is no quantity`);
  return Number(digits) * factor;
}
