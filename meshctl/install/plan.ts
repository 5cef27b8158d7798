/**
 * What an installation applies, and in which order. Pure: manifests, settings and what the server serves come in.
 *
 *   namespace -> definitions -> rights -> settings -> workload -> (ready) -> webhooks
 *
 * Webhooks come last: an installation that fails half way never leaves one behind that nothing answers.
 */
import { meshConfigMap, meshNamespace, injectorConfigMap } from '#shared/kubernetes/names.ts';
import type { Manifest, Manifests } from './manifests.ts';

/** What the user asks for. */
export type InstallSettings = Readonly<{
  namespace: string;
  /** Null: as the manifests say, or as an autoscaler has it. */
  replicas: number | null;
  /** Put before the names of all images: `registry.example.com/mirror`. */
  imageRegistry: string | null;
  /** Image of the control plane. */
  image: string | null;
  /** Image of the sidecar. */
  sidecarImage: string | null;
  /** YAML of a MeshConfig. */
  meshConfig: string | null;
  skipDefinitions: boolean;
}>;

/** Whether a server has a kind in a version. */
export type Serves = (apiVersion: string, kind: string) => boolean;

export type StageName = 'namespace' | 'definitions' | 'rights' | 'settings' | 'workload' | 'webhooks';
export type Stage = Readonly<{ name: StageName; objects: readonly Manifest[] }>;

/** The stages, and what is left out because the server does not have its kind. */
export type Plan = Readonly<{ stages: readonly Stage[]; leftOut: readonly Manifest[] }>;

const stageOf: Readonly<Record<string, StageName>> = {
  Namespace: 'namespace',
  CustomResourceDefinition: 'definitions',
  ServiceAccount: 'rights',
  ClusterRole: 'rights',
  ClusterRoleBinding: 'rights',
  Role: 'rights',
  RoleBinding: 'rights',
  ConfigMap: 'settings',
  MutatingWebhookConfiguration: 'webhooks',
  ValidatingWebhookConfiguration: 'webhooks',
};
const order: readonly StageName[] = ['namespace', 'definitions', 'rights', 'settings', 'workload', 'webhooks'];

/** Older versions in which a kind has the fields that we use, tried in this order where the server lacks ours. */
const olderVersions: Readonly<Record<string, readonly string[]>> = {
  PodDisruptionBudget: ['policy/v1beta1'],
  HorizontalPodAutoscaler: ['autoscaling/v2beta2'],
};
/** Kinds without which a mesh works. */
const dispensable = ['PodMonitor', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'];

/** The plan of an installation. */
export function planInstall(manifests: Manifests, settings: InstallSettings, serves: Serves): Plan {
  const { definitions, controlPlane, prometheusOperator } = manifests;
  const wanted = [...(settings.skipDefinitions ? [] : definitions), ...controlPlane, ...prometheusOperator];
  const leftOut: Manifest[] = [];
  const objects = wanted.flatMap((manifest) => {
    const served = inServedVersion(manifest, serves);
    if (served === null) leftOut.push(manifest);
    return served === null ? [] : [customize(served, settings)];
  });
  const stages = order.map((name) => ({
    name,
    objects: objects.filter(({ kind }) => (stageOf[kind] ?? 'workload') === name),
  }));
  return { stages: stages.filter(({ objects: own }) => own.length > 0), leftOut };
}

/** The versions in which a manifest can be applied, best first. */
export function candidateVersions({ apiVersion, kind }: Manifest): readonly string[] {
  return [apiVersion, ...(olderVersions[kind] ?? [])];
}

function inServedVersion(manifest: Manifest, serves: Serves): Manifest | null {
  const apiVersion = candidateVersions(manifest).find((version) => serves(version, manifest.kind));
  if (apiVersion !== undefined) return { ...manifest, apiVersion };
  // What a mesh needs is applied all the same: the server's refusal says more than we could.
  return dispensable.includes(manifest.kind) ? null : manifest;
}

function customize(manifest: Manifest, settings: InstallSettings): Manifest {
  const placed = inNamespace(manifest, settings.namespace) as Manifest;
  switch (manifest.kind) {
    case 'Deployment':
      return withImage(withReplicas(placed, settings.replicas), settings);
    case 'HorizontalPodAutoscaler':
      return settings.replicas === null ? placed : withSpec(placed, autoscaled(placed, settings.replicas));
    case 'PodDisruptionBudget':
      // The only replica may be moved.
      return settings.replicas === 1 ? withSpec(placed, { minAvailable: 0 }) : placed;
    case 'ConfigMap':
      return withSettings(placed, settings);
    default:
      return placed;
  }
}

/** Our namespace stands in fields of its own, and in settings as part of a text. */
function inNamespace(value: unknown, namespace: string): unknown {
  if (namespace === meshNamespace) return value;
  if (typeof value === 'string') return value.replaceAll(meshNamespace, namespace);
  if (Array.isArray(value)) return value.map((item) => inNamespace(item, namespace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inNamespace(member, namespace)]));
}

const withSpec = (manifest: Manifest, members: object): Manifest => ({
  ...manifest,
  spec: { ...(manifest['spec'] as object), ...members },
});

const withReplicas = (manifest: Manifest, replicas: number | null) =>
  replicas === null ? manifest : withSpec(manifest, { replicas });

function autoscaled({ spec }: Manifest, replicas: number): object {
  const { maxReplicas } = spec as { maxReplicas: number };
  return { minReplicas: replicas, maxReplicas: replicas === 1 ? 1 : Math.max(maxReplicas, replicas) };
}

type PodSpec = Readonly<{ containers: readonly Readonly<{ image: string }>[] }>;
type DeploymentSpec = Readonly<{ template: Readonly<{ spec: PodSpec }> }>;

function withImage(manifest: Manifest, settings: InstallSettings): Manifest {
  const { template } = manifest['spec'] as DeploymentSpec;
  const containers = template.spec.containers.map((container) => ({
    ...container,
    image: settings.image ?? fromRegistry(container.image, settings.imageRegistry),
  }));
  return withSpec(manifest, { template: { ...template, spec: { ...template.spec, containers } } });
}

/** The name of an image in a registry of the user's own. */
export function fromRegistry(image: string, registry: string | null): string {
  return registry === null ? image : `${registry.replace(/\/$/, '')}/${image}`;
}

const imageLine = /^image: (\S+)$/m;

function withSettings(manifest: Manifest, settings: InstallSettings): Manifest {
  const data = manifest['data'] as Readonly<Record<string, string>>;
  const { name } = manifest.metadata;
  if (name === meshConfigMap.name && settings.meshConfig !== null)
    return { ...manifest, data: { ...data, [meshConfigMap.key]: settings.meshConfig } };
  if (name !== injectorConfigMap.name) return manifest;
  const text = (data[injectorConfigMap.key] ?? '').replace(
    imageLine,
    (_line, image: string) => `image: ${settings.sidecarImage ?? fromRegistry(image, settings.imageRegistry)}`,
  );
  return { ...manifest, data: { ...data, [injectorConfigMap.key]: text } };
}
