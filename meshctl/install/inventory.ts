import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { ObjectRef } from '../kubernetes/discovery.ts';
import { refOf, type Manifest } from './manifests.ts';

/**
 * What an installation consists of, as a ConfigMap in its namespace: one line an object, `apiVersion kind namespace name` (`-` where it
 * is in no namespace). The next installation deletes what an older version had and it has not.
 */
export const inventoryName = 'tulle-inventory';

/** The inventory of what a plan applies. */
export function inventoryOf(
  manifests: readonly Manifest[],
  about: Readonly<{ namespace: string; version: string }>,
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: inventoryName,
      namespace: about.namespace,
      labels: { 'app.kubernetes.io/managed-by': 'tulle', 'app.kubernetes.io/part-of': 'tulle' },
    },
    data: {
      version: about.version,
      objects: manifests
        .map(refOf)
        .map(({ apiVersion, kind, namespace, name }) => `${apiVersion} ${kind} ${namespace || '-'} ${name}\n`)
        .toSorted()
        .join(''),
    },
  };
}

/** The objects of an inventory; none where there is none yet. */
export function readInventory(configMap: ClusterObject | null): readonly ObjectRef[] {
  const { objects = '' } = (configMap?.['data'] ?? {}) as { objects?: string };
  return objects.split('\n').flatMap((line) => {
    const [apiVersion, kind, namespace, name] = line.split(' ');
    if (apiVersion === undefined || kind === undefined || namespace === undefined || name === undefined) return [];
    return [{ apiVersion, kind, namespace: namespace === '-' ? '' : namespace, name }];
  });
}

/**
 * What an older installation had and this one has not. Never definitions, with which the users' configuration would go, nor the
 * namespace; an object that is only kept in another version of its API is the same object.
 */
export function staleObjects(before: readonly ObjectRef[], now: readonly Manifest[]): readonly ObjectRef[] {
  const kept = new Set(now.map((manifest) => identity(refOf(manifest))));
  const isOurs = ({ kind }: ObjectRef) => kind !== 'CustomResourceDefinition' && kind !== 'Namespace';
  return before.filter((ref) => isOurs(ref) && !kept.has(identity(ref)));
}

function identity({ apiVersion, kind, namespace, name }: ObjectRef): string {
  const slash = apiVersion.indexOf('/');
  return [slash < 0 ? '' : apiVersion.slice(0, slash), kind, namespace, name].join(' ');
}
