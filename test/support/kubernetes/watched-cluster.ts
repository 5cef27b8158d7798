/** Writing to the API server of a test: kinds of the mesh with schemas that take anything, objects, and a source that watches them. */
import {
  ApiException,
  type KubeConfig,
  type KubernetesObject,
  type KubernetesObjectApi,
} from '@kubernetes/client-node';
import { systemClock } from '#shared/runtime/clock.ts';
import { emptyCatalog, type Catalog, type Change } from '../../../control-plane/catalog/catalog.ts';
import { reduceCatalog } from '../../../control-plane/catalog/reduce.ts';
import { watchedKinds } from '../../../control-plane/sources/kubernetes/kinds.ts';
import {
  KubernetesSource,
  type KubernetesSourceOptions,
} from '../../../control-plane/sources/kubernetes/kubernetes-source.ts';
import { eventually } from '../eventually.ts';

/** Creates an object, or replaces the one that is there. */
export async function applyObject(objects: KubernetesObjectApi, document: KubernetesObject): Promise<void> {
  try {
    await objects.create(document);
  } catch (error) {
    if (!(error instanceof ApiException) || error.code !== 409) throw error;
    const { apiVersion = '', kind = '', metadata = {} } = document;
    const { name = '', namespace } = metadata;
    const header = namespace === undefined ? { name } : { name, namespace };
    const known = await objects.read({ apiVersion, kind, metadata: header });
    const resourceVersion = known.metadata?.resourceVersion ?? '';
    await objects.replace({ ...document, metadata: Object.assign({ resourceVersion }, metadata) });
  }
}

/** Deletes an object at once. */
export async function deleteObject(objects: KubernetesObjectApi, document: KubernetesObject): Promise<void> {
  await objects.delete(document, undefined, undefined, 0);
}

/** A definition of a kind of the mesh that takes whatever is sent: what is wrong is left to the source to find. */
export function looseDefinition(kind: string, plural: string, apiVersion: string): object {
  const [group = '', version = ''] = apiVersion.split('/');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          // As the client library spells x-kubernetes-preserve-unknown-fields.
          schema: { openAPIV3Schema: { type: 'object', x_kubernetes_preserve_unknown_fields: true } },
        },
      ],
    },
  };
}

const plurals: Readonly<Record<string, string>> = { ServiceEntry: 'serviceentries', WorkloadEntry: 'workloadentries' };

/** Installs every kind of the mesh, and waits until the server has it. */
export async function installKinds(objects: KubernetesObjectApi, versions: Record<string, string> = {}): Promise<void> {
  const ours = watchedKinds.filter(({ group }) => group.includes('istio.io') || group.includes('smi-spec'));
  for (const { kind, apiVersions } of ours) {
    const apiVersion = versions[kind] ?? apiVersions[0] ?? '';
    const plural = plurals[kind] ?? `${kind.toLowerCase()}s`;
    await applyObject(objects, looseDefinition(kind, plural, apiVersion));
    await eventually(async () => {
      await objects.list(apiVersion, kind, 'default');
      return true;
    });
  }
}

/** A source and the catalog that follows from it. */
export class WatchedCluster {
  readonly source: KubernetesSource;
  readonly logs: string[] = [];
  readonly batches: number[] = [];
  catalog: Catalog = emptyCatalog;

  constructor(config: KubeConfig, options: Partial<KubernetesSourceOptions> = {}) {
    this.source = new KubernetesSource(config, {
      clock: systemClock,
      random: Math.random,
      rootNamespace: 'tulle-system',
      log: (level, message) => this.logs.push(`${level} ${message}`),
      ...options,
    });
  }

  start(): Promise<void> {
    return this.source.start((changes) => this.#take(changes));
  }

  #take(changes: readonly Change[]): void {
    this.batches.push(changes.length);
    this.catalog = reduceCatalog(this.catalog, changes);
  }
}
