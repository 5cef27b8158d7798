/**
 * Joins the catalog to the ADS server: one snapshot watch a connected proxy, kept up to date as the catalog changes. The mesh is
 * indexed once a generation; what is unchanged stays the same object, so that nothing unchanged is encoded or sent again.
 */
import type { MeshConfig } from '#shared/model/mesh-config.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { XdsNode } from '#shared/xds/discovery.ts';
import { resourcesOf, type Catalog } from './catalog/catalog.ts';
import { toProxyNode } from './proxy-node.ts';
import {
  indexMesh,
  toMeshResources,
  translate,
  type MeshIndex,
  type MeshResources,
  type ProxyNode,
  type TypedResources,
} from './translate/translate.ts';
import type { OpenSnapshots, PeerIdentity, SnapshotProvider } from './xds/provider.ts';
import { toSnapshot, type ProxySnapshot } from './xds/snapshot.ts';

type Served = { node: ProxyNode; snapshots: WatchSource<ProxySnapshot>; typed: TypedResources };

export class MeshSnapshots implements SnapshotProvider {
  readonly #mesh: MeshConfig;
  readonly #served = new Set<Served>();
  readonly #onConnection: (node: XdsNode) => () => void;
  #index: MeshIndex;

  /** `onConnection` is told of each stream and returns what is called at its end. */
  constructor(mesh: MeshConfig, catalog: Watch<Catalog>, onConnection: (node: XdsNode) => () => void) {
    this.#mesh = mesh;
    this.#onConnection = onConnection;
    this.#index = indexMesh(meshResourcesOf(catalog.current(), mesh));
    catalog.subscribe((next) => this.#update(next));
  }

  open(node: XdsNode, peer: PeerIdentity | null): Result<OpenSnapshots> {
    const proxy = toProxyNode(node, this.#mesh);
    if (!proxy.ok) return proxy;
    const refusal = peer === null ? null : identityMismatch(proxy.value, peer);
    if (refusal !== null) return fail([problem('node', refusal)]);
    const typed = translate(this.#index, proxy.value);
    const served = { node: proxy.value, typed, snapshots: new WatchSource(toSnapshot(this.#index.generation, typed)) };
    this.#served.add(served);
    const onEnd = this.#onConnection(node);
    return ok({
      snapshots: served.snapshots,
      close: () => {
        this.#served.delete(served);
        onEnd();
      },
    });
  }

  /** What a proxy was last sent, in typed form. */
  typedOf(id: string): TypedResources | null {
    return [...this.#served].findLast((served) => served.node.id === id)?.typed ?? null;
  }

  #update(catalog: Catalog): void {
    if (catalog.generation === this.#index.generation) return;
    this.#index = indexMesh(meshResourcesOf(catalog, this.#mesh), this.#index);
    for (const served of this.#served) {
      served.typed = translate(this.#index, served.node);
      served.snapshots.set(toSnapshot(this.#index.generation, served.typed));
    }
  }
}

/** A proxy may only be what its certificate or token says. */
function identityMismatch(node: ProxyNode, { spiffeId, pod }: PeerIdentity): string | null {
  const wanted = `/ns/${node.namespace}/sa/${node.serviceAccount}`;
  if (!spiffeId.endsWith(wanted))
    return `${node.id} says it is ${wanted.slice(1)}, but its credentials are those of ${spiffeId}`;
  if (typeof pod !== 'string' || node.name === pod) return null;
  return `${node.id} says it is pod ${node.name}, but its credentials are those of pod ${pod}`;
}

function meshResourcesOf(catalog: Catalog, mesh: MeshConfig): MeshResources {
  return toMeshResources(catalog.generation, mesh, resourcesOf(catalog));
}
