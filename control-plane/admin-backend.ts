/** What the admin API answers from: the parts of the running control plane, seen through the API's own types. */
import { formatSpiffeId } from '#shared/model/spiffe-id.ts';
import type { Readiness } from '#shared/runtime/readiness.ts';
import { fail, ok, problem, type Result } from '#shared/runtime/result.ts';
import { typeUrls } from '#shared/xds/type-urls.ts';
import packageJson from '../package.json' with { type: 'json' };
import type { AdminBackend } from './admin/api.ts';
import type { Distribution, ProxyView } from '#shared/admin/views.ts';
import type { CatalogPublisher } from './catalog/publisher.ts';
import type { Identity } from './identity.ts';
import type { KubernetesPlatform } from './kubernetes.ts';
import type { MeshSnapshots } from './mesh-snapshots.ts';
import { makeMetrics } from './metrics.ts';
import { toProxyNode } from './proxy-node.ts';
import type { RegistryOwner } from './registry-owner.ts';
import { applyDocuments, deleteDocument } from './sources/file/documents.ts';
import type { FolderSource } from './sources/file/folder-source.ts';
import { distributionOfGeneration } from './xds/distribution.ts';
import type { Proxies, ProxyRecord } from './xds/proxies.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';

/** The running parts. */
export type Parts = Readonly<{
  readiness: Readiness;
  publisher: CatalogPublisher;
  /** The folder that changes are written to; null: on Kubernetes changes go by its API server. */
  folder: Readonly<{ source: FolderSource; path: string }> | null;
  platform: KubernetesPlatform | null;
  proxies: Proxies;
  snapshots: MeshSnapshots;
  registry: RegistryOwner;
  identity: Identity;
}>;

export function makeBackend(parts: Parts): AdminBackend {
  const { readiness, publisher, folder, platform, proxies, snapshots, registry, identity } = parts;
  const metrics = makeMetrics({ catalog: publisher.catalog, proxies, authority: identity.authority, readiness });
  platform?.registerMetrics(metrics);
  const catalog = () => publisher.catalog.current();
  return {
    version: packageJson.version,
    isReady: () => readiness.isReady,
    awaited: () => readiness.awaited(),
    catalog,
    distribution: (key) => distributionOf(proxies, catalog().entries.get(key)?.generation ?? 0),
    proxies: () => proxies.list().map((record) => toView(record, registry)),
    proxyConfig: (id) => proxyConfig(snapshots, id),
    certificates: () => ({
      root: { pem: identity.authority.rootsPem, expiresAt: new Date(identity.authority.expiresAt).toISOString() },
      issued: identity.authority.issued().map(({ serial, spiffeId, notAfter }) => ({
        serial,
        spiffeId,
        notAfter: new Date(notAfter).toISOString(),
      })),
      total: identity.authority.counters().issued,
    }),
    cluster: () => platform?.view() ?? null,
    metrics: () => metrics.metrics(),
    apply: async (text, { dryRun }) => {
      if (folder === null) return onlyByKubectl('apply');
      const applied = await applyDocuments(text, catalog(), folder.path, dryRun);
      if (applied.ok && !dryRun) await publishNow(folder.source, publisher);
      return applied;
    },
    remove: async (key) => {
      if (folder === null) return onlyByKubectl('delete');
      const removed = await deleteDocument(key, catalog(), folder.path);
      if (removed.ok) await publishNow(folder.source, publisher);
      return removed;
    },
    token: ({ namespace, serviceAccount, ttlMs }) => {
      const minted = identity.joinTokens.mint({ namespace, serviceAccount }, ttlMs);
      if (!minted.ok) return Promise.resolve(minted);
      const { trustDomain } = identity.authority;
      const { token, expiresAt } = minted.value;
      const spiffeId = formatSpiffeId({ trustDomain, namespace, serviceAccount });
      return Promise.resolve(ok({ token: token.reveal(), expiresAt: new Date(expiresAt).toISOString(), spiffeId }));
    },
  };
}

function onlyByKubectl<T>(verb: string): Result<T> {
  return fail([problem('', `on Kubernetes resources are changed through its API server: kubectl ${verb}`)]);
}

/** So that a change that was answered can be waited for: `get` right after `apply` sees it. */
async function publishNow(source: FolderSource, publisher: CatalogPublisher): Promise<void> {
  await source.rescan();
  publisher.flush();
}

function distributionOf(proxies: Proxies, generation: number): Distribution {
  const records = proxies.list();
  const { applied, refused } = distributionOfGeneration(records, generation);
  return {
    generation,
    applied: applied.length,
    total: records.length,
    refused: refused.map(({ proxy, typeUrl, name, message }) => ({ proxy, typeUrl, message: `${name}: ${message}` })),
  };
}

const typeNames = Object.entries(typeUrls);

function toView(record: ProxyRecord, registry: RegistryOwner): ProxyView {
  const { proxy } = record;
  const status = record.status();
  const node = toProxyNode(proxy.node, defaultMeshConfig);
  const health = registry.healthOf(proxy.id);
  const types = status.types.map((type) => [
    typeNames.find(([, url]) => url === type.typeUrl)?.[0] ?? type.typeUrl,
    {
      acked: type.isWaiting ? (type.acceptedGeneration ?? 0) : status.generation,
      sent: status.generation,
      refused: type.refused.length === 0 ? '' : (status.lastRefusal?.message ?? type.refused.join(', ')),
    },
  ]);
  return {
    id: proxy.id,
    name: node.ok ? node.value.name : proxy.id,
    namespace: node.ok ? node.value.namespace : '',
    serviceAccount: node.ok ? node.value.serviceAccount : '',
    address: proxy.address,
    version: proxy.node.userAgentVersion ?? '',
    connectedSince: new Date(proxy.connectedSinceMs).toISOString(),
    isHealthy: health?.isHealthy ?? null,
    healthMessage: health?.message ?? '',
    appliedGeneration: status.appliedGeneration ?? 0,
    types: Object.fromEntries(types),
    metadata: proxy.node.metadata,
  };
}

const partNames = { listener: 'listeners', routes: 'routes', cluster: 'clusters', endpoints: 'endpoints' } as const;

function proxyConfig(snapshots: MeshSnapshots, id: string): Readonly<Record<string, readonly unknown[]>> | null {
  const typed = snapshots.typedOf(id);
  if (typed === null) return null;
  return Object.fromEntries(
    Object.entries(partNames).map(([type, part]) => [
      part,
      [...(typed.get(typeUrls[type as keyof typeof partNames])?.values() ?? [])],
    ]),
  );
}
