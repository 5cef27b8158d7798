/**
 * The ConfigMap `tulle-ca-root-cert` in every namespace, from which sidecars learn whom to trust before they can ask anybody. The leader
 * writes it, where it is missing or different; other members of the ConfigMap are left alone.
 */
import type { ClusterApi, ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FollowedObjects, type ObjectMap } from '#shared/kubernetes/follow-objects.ts';
import { rootCertificateConfigMap } from '#shared/kubernetes/names.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import type { Random } from '#shared/runtime/random.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import { Reconciler } from './reconciler.ts';

const { name, key } = rootCertificateConfigMap;

/** One write that is due. */
export type RootWrite = Readonly<{ kind: 'create' | 'update'; namespace: string }>;

/** What is to be written where; nothing into a namespace that is going away. */
export function rootWrites(
  namespaces: readonly ClusterObject[],
  configMaps: ObjectMap,
  rootsPem: string,
): readonly RootWrite[] {
  return namespaces.flatMap(({ metadata, status }): readonly RootWrite[] => {
    const isGoing = metadata.deletionTimestamp !== undefined || (status as Phase | undefined)?.phase === 'Terminating';
    if (isGoing) return [];
    const found = configMaps.get(`${metadata.name}/${name}`);
    if (found === undefined) return [{ kind: 'create', namespace: metadata.name }];
    const data = found['data'] as Readonly<Record<string, string>> | undefined;
    return data?.[key] === rootsPem ? [] : [{ kind: 'update', namespace: metadata.name }];
  });
}

type Phase = Readonly<{ phase?: string }>;

export type RootConfigMapsOptions = Readonly<{
  api: ClusterApi;
  isLeader: Watch<boolean>;
  rootsPem: () => string;
  /** Only these namespaces, and nothing is asked of others; empty: all. */
  namespaces: readonly string[];
  clock: Clock;
  random: Random;
  onFailure: (message: string) => void;
}>;

/** Keeps the ConfigMaps, while this replica leads. */
export class RootConfigMaps {
  readonly #options: RootConfigMapsOptions;
  readonly #writing: Reconciler;
  #namespaces: FollowedObjects | null = null;
  #configMaps: readonly FollowedObjects[] = [];
  readonly #unfollow: () => void;
  #isClosed = false;
  #written = 0;

  constructor(options: RootConfigMapsOptions) {
    const { clock, random, onFailure, isLeader } = options;
    this.#options = options;
    const work = () => this.#write();
    this.#writing = new Reconciler({ name: 'root certificates', work, clock, random, onFailure, quietMs: 50 });
    this.#unfollow = isLeader.subscribe(() => this.#writing.trigger());
  }

  start(): void {
    void this.#follow();
  }

  /** To be called when the roots may have changed. */
  changed(): void {
    this.#writing.trigger();
  }

  /** How many were written since the start. */
  get written(): number {
    return this.#written;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unfollow();
    this.#namespaces?.close();
    for (const followed of this.#configMaps) followed.close();
    await this.#writing.close();
  }

  async #follow(): Promise<void> {
    const { api, clock, random, onFailure, namespaces } = this.#options;
    const common = { api, clock, random, onFailure };
    const selection = { fieldSelector: `metadata.name=${name}` };
    // Who may read some namespaces only asks for no others.
    const paths =
      namespaces.length === 0
        ? ['/api/v1/configmaps']
        : namespaces.map((namespace) => `/api/v1/namespaces/${namespace}/configmaps`);
    const configMaps = await Promise.all(paths.map((path) => FollowedObjects.start({ ...common, path, selection })));
    const all = namespaces.length > 0 ? null : await FollowedObjects.start({ ...common, path: '/api/v1/namespaces' });
    if (this.#isClosed) {
      for (const followed of [...configMaps, all]) followed?.close();
      return;
    }
    this.#configMaps = configMaps;
    this.#namespaces = all;
    for (const followed of [...configMaps, all]) followed?.objects.subscribe(() => this.#writing.trigger());
    this.#writing.trigger();
  }

  async #write(): Promise<void> {
    const { isLeader, rootsPem, namespaces: chosen } = this.#options;
    if (this.#configMaps.length === 0) return;
    const namespaces =
      this.#namespaces === null
        ? chosen.map((namespace) => ({ metadata: { name: namespace } }))
        : [...this.#namespaces.objects.current().values()];
    const known = new Map(this.#configMaps.flatMap(({ objects }) => [...objects.current()]));
    for (const write of rootWrites(namespaces, known, rootsPem())) {
      if (!isLeader.current()) return;
      await this.#do(write);
    }
  }

  async #do({ kind, namespace }: RootWrite): Promise<void> {
    const { api, rootsPem } = this.#options;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const data = { [key]: rootsPem() };
    try {
      if (kind === 'create') {
        const metadata = { name, namespace, labels: { 'app.kubernetes.io/part-of': 'tulle' } };
        await api.create(path, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
      } else await api.patch(`${path}/${name}`, { kind: 'merge', patch: { data } });
      this.#written++;
    } catch (error) {
      // The namespace goes away, or another was faster: what is there is looked at again when it changes.
      const isTerminating = isMeshError(error, 'permission') && error.message.includes('being terminated');
      if (!isTerminating && !isMeshError(error, 'conflict', 'not_found')) throw error;
    }
  }
}
