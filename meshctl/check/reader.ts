import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { collectionPath } from '../kubernetes/discovery.ts';

/** Which objects to list: those of one namespace, or of all; those of one name. */
export type Range = Readonly<{ namespace?: string; name?: string }>;

/** Reads what it may; what it may not is noted, and is empty. */
export class Reader {
  readonly #cluster: Cluster;
  readonly #unreadable: { what: string; why: string }[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get unreadable(): readonly Readonly<{ what: string; why: string }>[] {
    return this.#unreadable;
  }

  /** The objects of a kind; none where the server does not have it. A list does not say the kind of its items: it is added. */
  async list(
    apiVersion: string,
    kind: string,
    { namespace = '', name }: Range = {},
  ): Promise<readonly ClusterObject[]> {
    const what = `${kind} of ${namespace === '' ? 'the cluster' : namespace}`;
    return this.attempt(what, [], async () => {
      const served = await this.#cluster.discovery.find(apiVersion, kind);
      if (served === null) return [];
      const selection = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` };
      const { items } = await this.#cluster.api.list(collectionPath(apiVersion, served, namespace), selection);
      return items.map((item) => ({ ...item, apiVersion, kind }));
    });
  }

  /** What `read` gives, or `fallback` when it is refused. A server that does not answer at all is nothing to go on with. */
  async attempt<T>(what: string, fallback: T, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isMeshError(error) || error.facts['status'] === undefined) throw error;
      if (error.code !== 'not_found') this.#unreadable.push({ what, why: describeError(error) });
      return fallback;
    }
  }
}
