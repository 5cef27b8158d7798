import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { fieldManager } from '#shared/kubernetes/names.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { sayRef } from '../kubernetes/discovery.ts';
import { carryOver } from './carry-over.ts';
import { inventoryName, inventoryOf, readInventory, staleObjects } from './inventory.ts';
import { refOf, type Manifest } from './manifests.ts';
import type { Stage } from './plan.ts';

/** What became of an object. */
export type Outcome = 'created' | 'configured' | 'unchanged' | 'deleted';

/** How an installation goes about it. `tell` hears of each object; `untilReady` resolves when the control plane serves. */
export type InstallerOptions = Readonly<{
  namespace: string;
  version: string;
  force: boolean;
  keepsReplicas: boolean;
  tell: (ref: string, outcome: Outcome) => void;
  untilReady: () => Promise<void>;
  /** Until the condition holds or the time is over. */
  until: (what: string, isSo: () => Promise<boolean>) => Promise<void>;
}>;

/** Applies the stages in their order; what is there already in the same form stays untouched. */
export class Installer {
  readonly #cluster: Cluster;
  readonly #options: InstallerOptions;

  constructor(cluster: Cluster, options: InstallerOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async install(stages: readonly Stage[]): Promise<void> {
    for (const { name, objects } of stages) {
      if (name === 'webhooks') await this.#options.untilReady();
      for (const manifest of objects) await this.#apply(manifest);
      if (name === 'definitions') await this.#untilEstablished(objects);
    }
    await this.#prune(stages.flatMap(({ objects }) => objects));
  }

  async #apply(manifest: Manifest): Promise<void> {
    const { api, discovery } = this.#cluster;
    const ref = refOf(manifest);
    const path = await discovery.pathOf(ref);
    if (path === null)
      throw new CommandError(exitCodes.failed, `the server has no kind ${ref.kind} of ${ref.apiVersion}`);
    const live = await api.read(path);
    const desired = carryOver(manifest, live, this.#options);
    try {
      const applied = await this.#applyAt(path, desired);
      this.#options.tell(sayRef(ref), outcomeOf(live, applied));
    } catch (error) {
      if (isMeshError(error, 'conflict')) throw ownedByOthers(sayRef(ref), describeError(error));
      throw error;
    }
  }

  async #applyAt(path: string, desired: Manifest): Promise<ClusterObject> {
    const { api } = this.#cluster;
    const { force } = this.#options;
    try {
      return await api.apply(path, desired, { force });
    } catch (error) {
      if (force || !isMeshError(error, 'conflict') || !giveWay(managersIn(describeError(error)))) throw error;
      return api.apply(path, desired, { force: true });
    }
  }

  #untilEstablished(definitions: readonly Manifest[]): Promise<void> {
    this.#cluster.discovery.forget();
    return this.#options.until('the server serves the new kinds', async () => {
      for (const { metadata } of definitions) {
        const live = await this.#cluster.api.read(
          `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`,
        );
        if (live === null || !isEstablished(live)) return false;
      }
      return true;
    });
  }

  /** The inventory is written first: what cannot be deleted now is still known to the next installation. */
  async #prune(objects: readonly Manifest[]): Promise<void> {
    const { api, discovery } = this.#cluster;
    const { namespace, version } = this.#options;
    const before = readInventory(await api.read(`/api/v1/namespaces/${namespace}/configmaps/${inventoryName}`));
    for (const ref of staleObjects(before, objects)) {
      const path = await discovery.pathOf(ref);
      if (path === null || (await api.read(path)) === null) continue;
      await api.remove(path);
      this.#options.tell(sayRef(ref), 'deleted');
    }
    await this.#apply(inventoryOf(objects, { namespace, version }));
  }
}

/** Whether a definition is served. */
export function isEstablished(definition: ClusterObject): boolean {
  const { conditions = [] } = (definition['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

/** Our own components, and an autoscaler: what of theirs is to stay is carried over, all else is ours to say. */
const givingWay = [fieldManager, 'kube-controller-manager'];

function giveWay(managers: readonly string[]): boolean {
  return managers.length > 0 && managers.every((manager) => givingWay.includes(manager));
}

/** Whom the server names as owners of fields: `conflict with "kubectl" using apps/v1: .spec.replicas`. */
export function managersIn(message: string): readonly string[] {
  return [...message.matchAll(/conflicts? with "([^"]*)"/g)].map(([, manager = '']) => manager);
}

function ownedByOthers(ref: string, message: string): CommandError {
  const hint =
    'another tool set these fields: let it go on and leave the object out (--skip-crds for definitions), or take them by --force-conflicts';
  return new CommandError(exitCodes.failed, `${ref} was not changed: ${message}`, hint);
}

function outcomeOf(before: ClusterObject | null, after: ClusterObject): Outcome {
  if (before === null) return 'created';
  return JSON.stringify(essence(before)) === JSON.stringify(essence(after)) ? 'unchanged' : 'configured';
}

const notes = ['managedFields', 'resourceVersion', 'generation'];

/** An object without what the server notes about writes, and without its status. */
function essence({ metadata, ...rest }: ClusterObject): unknown {
  const kept = Object.entries(metadata).filter(([name]) => !notes.includes(name));
  return sorted({ ...rest, status: null, metadata: Object.fromEntries(kept) });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
