import type { AdminApi } from '#shared/kubernetes/cluster-api.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';

/** How a kind is asked for: the plural in its path, and whether it lives in a namespace. */
export type ServedKind = Readonly<{ plural: string; isNamespaced: boolean }>;

/** What names an object. */
export type ObjectRef = Readonly<{ apiVersion: string; kind: string; namespace: string; name: string }>;

type ResourceList = Readonly<{ resources?: readonly Readonly<{ name: string; namespaced: boolean; kind: string }>[] }>;

/** What a server serves, asked for when it is needed and remembered; `forget` after a definition was added. */
export class Discovery {
  readonly #api: Pick<AdminApi, 'text'>;
  readonly #groups = new Map<string, Promise<ReadonlyMap<string, ServedKind>>>();

  constructor(api: Pick<AdminApi, 'text'>) {
    this.#api = api;
  }

  forget(): void {
    this.#groups.clear();
  }

  /** Null where the server does not have the kind in this version. */
  async find(apiVersion: string, kind: string): Promise<ServedKind | null> {
    const known = this.#groups.get(apiVersion) ?? this.#read(apiVersion);
    this.#groups.set(apiVersion, known);
    return (await known).get(kind) ?? null;
  }

  /** Path of an object; null where its kind is not served. */
  async pathOf(ref: ObjectRef): Promise<string | null> {
    const served = await this.find(ref.apiVersion, ref.kind);
    return served === null ? null : `${collectionPath(ref.apiVersion, served, ref.namespace)}/${ref.name}`;
  }

  async #read(apiVersion: string): Promise<ReadonlyMap<string, ServedKind>> {
    try {
      const { resources = [] } = JSON.parse(await this.#api.text(rootOf(apiVersion))) as ResourceList;
      // A name with a slash is part of another: `pods/status`.
      const own = resources.filter(({ name }) => !name.includes('/'));
      return new Map(own.map(({ kind, name, namespaced }) => [kind, { plural: name, isNamespaced: namespaced }]));
    } catch (error) {
      if (isMeshError(error, 'not_found')) return new Map();
      throw error;
    }
  }
}

/** Path of the objects of a kind: those of a namespace, or of all when `namespace` is empty. */
export function collectionPath(apiVersion: string, { plural, isNamespaced }: ServedKind, namespace: string): string {
  return `${rootOf(apiVersion)}/${isNamespaced && namespace !== '' ? `namespaces/${namespace}/` : ''}${plural}`;
}

const rootOf = (apiVersion: string) => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`);

/** `deployment.apps/name`, as kubectl says it. */
export function sayRef({ apiVersion, kind, name }: Pick<ObjectRef, 'apiVersion' | 'kind' | 'name'>): string {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${apiVersion.slice(0, slash)}`;
  return `${kind.toLowerCase()}${group}/${name}`;
}
