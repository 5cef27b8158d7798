import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Manifest } from './manifests.ts';

/** On a namespace that we made, so that only such a one is deleted with the mesh. */
export const createdAnnotation = 'mesh.tulle.dev/created-by';
const creator = 'meshctl';

type Hook = Readonly<{ name: string; clientConfig: Readonly<{ caBundle?: string }>; failurePolicy?: string }>;

/**
 * A manifest with what others than the installer decide, taken from the object that is there: certificate and policy of webhooks (the
 * control plane), replicas (an autoscaler, unless the user asks for a number), whether the namespace is ours to delete.
 */
export function carryOver(
  manifest: Manifest,
  live: ClusterObject | null,
  options: Readonly<{ keepsReplicas: boolean }>,
): Manifest {
  switch (manifest.kind) {
    case 'Namespace':
      return live === null || live.metadata.annotations?.[createdAnnotation] === creator
        ? withAnnotation(manifest)
        : manifest;
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return live === null ? manifest : { ...manifest, webhooks: hooksOf(manifest, live) };
    case 'Deployment': {
      const replicas = (live?.['spec'] as { replicas?: number } | undefined)?.replicas;
      // None at all is no number that an autoscaler chose: it never does.
      if (!options.keepsReplicas || replicas === undefined || replicas === 0) return manifest;
      return { ...manifest, spec: { ...(manifest['spec'] as object), replicas } };
    }
    default:
      return manifest;
  }
}

function withAnnotation(manifest: Manifest): Manifest {
  const annotations = { ...manifest.metadata.annotations, [createdAnnotation]: creator };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

function hooksOf(manifest: Manifest, live: ClusterObject): Hook[] {
  const present = new Map(((live['webhooks'] ?? []) as Hook[]).map((hook) => [hook.name, hook]));
  return (manifest['webhooks'] as readonly Hook[]).map((hook) => {
    const { clientConfig, failurePolicy } = (present.get(hook.name) ?? {}) as Partial<Hook>;
    const { caBundle } = clientConfig ?? {};
    if (caBundle === undefined || caBundle === '') return hook;
    return {
      ...hook,
      clientConfig: { ...hook.clientConfig, caBundle },
      ...(failurePolicy === undefined ? {} : { failurePolicy }),
    };
  });
}
