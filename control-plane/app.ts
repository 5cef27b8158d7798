/**
 * The composition root of the control plane: sources and registry -> catalog -> snapshots -> ADS; the certificate authority on
 * the same server; the admin API. `build` starts everything and returns the bound addresses and how to stop.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultMeshConfig, parseMeshConfig, type MeshConfig } from '#shared/model/mesh-config.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { Readiness } from '#shared/runtime/readiness.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { parse as parseYaml } from 'yaml';
import { makeBackend } from './admin-backend.ts';
import type { AdminBackend } from './admin/api.ts';
import { startAdminServer } from './admin/server.ts';
import { CatalogPublisher } from './catalog/publisher.ts';
import { openIdentity, type Identity, type IdentityParts } from './identity.ts';
import type { KubernetesPlatform, MeshSettings } from './kubernetes.ts';
import { MeshSnapshots } from './mesh-snapshots.ts';
import { startMonitoring } from './monitoring.ts';
import { RegistryOwner } from './registry-owner.ts';
import { RegistryFile } from './registry/registry-file.ts';
import type { Settings, SourceSettings } from './settings.ts';
import { FolderSource } from './sources/file/folder-source.ts';
import type { Source } from './sources/source.ts';
import { startAdsServer, type AdsServer } from './xds/ads-server.ts';
import { Proxies } from './xds/proxies.ts';

/** A running control plane. */
export type ControlPlane = Readonly<{
  addresses: Readonly<{
    plaintext: readonly string[];
    tls: readonly string[];
    admin: string;
    adminSocket: string;
    /** Only where they are served. */
    webhooks?: string;
    monitoring?: string;
  }>;
  readiness: Readiness;
  close: () => Promise<void>;
}>;

const format = ({ host, port }: { host: string; port: number }) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Starts a control plane. */
export async function build(settings: Settings, logger: Logger): Promise<ControlPlane> {
  const clock = systemClock;
  const readiness = new Readiness();
  const configRead = readiness.gate('configuration');
  const serving = readiness.gate('xds');
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 });
  const mesh = await readMeshSettings(settings, logger);
  const publisher = new CatalogPublisher(clock);
  const { source, folder, platform } = await openSource(settings.source, mesh, logger);
  await source.start((changes) => publisher.tell(changes));
  publisher.flush();
  configRead();

  const shared = await openShared(platform);
  const identity = await openIdentity(settings, { mesh: mesh.config, shared, clock, logger });
  const registry = await openRegistry(settings, mesh.config, publisher, logger);
  const snapshots = new MeshSnapshots(mesh.config, publisher.catalog, (node) => registry.connect(node));
  const proxies = new Proxies();
  const ads = await serveXds(settings, logger, { snapshots, identity, proxies, registry });
  const { catalog } = publisher;
  await platform?.start({ catalog, proxies, identity, awaited: () => readiness.awaited() });
  serving();
  const backend = makeBackend({ readiness, publisher, folder, platform, proxies, snapshots, registry, identity });
  const doors = await openDoors(settings, backend);
  return {
    addresses: {
      ...ads.addresses,
      ...doors.addresses,
      ...(platform?.webhooks ? { webhooks: format(platform.webhooks) } : {}),
    },
    readiness,
    close: async () => {
      await platform?.close();
      await doors.close();
      ads.close();
      registry.close();
      identity.close();
      publisher.close();
      await source.close();
    },
  };
}

type OpenSource = Readonly<{
  source: Source;
  folder: Readonly<{ source: FolderSource; path: string }> | null;
  platform: KubernetesPlatform | null;
}>;

async function openSource(settings: SourceSettings, mesh: MeshSettings, logger: Logger): Promise<OpenSource> {
  if (settings.kind === 'folder') {
    const path = settings.configDir;
    const source = new FolderSource(path, systemClock, (message) => logger.warn(message));
    return { source, folder: { source, path }, platform: null };
  }
  // Only where there is a cluster: the client library is large.
  const { KubernetesPlatform } = await import('./kubernetes.ts');
  const platform = new KubernetesPlatform(settings, mesh, logger);
  return { source: platform.source, folder: null, platform };
}

async function openShared(platform: KubernetesPlatform | null): Promise<IdentityParts['shared']> {
  if (platform === null) return null;
  return { keys: await platform.openKeys(), attestor: platform.attestor(), serviceNames: platform.serviceNames };
}

async function openRegistry(
  settings: Settings,
  mesh: MeshConfig,
  publisher: CatalogPublisher,
  logger: Logger,
): Promise<RegistryOwner> {
  const registry = new RegistryOwner({
    mesh,
    clock: systemClock,
    graceMs: settings.graceMs,
    catalog: publisher.catalog,
    tell: (changes) => publisher.tell(changes),
    file: new RegistryFile(join(settings.dataDir, 'registry.json')),
    onFailure: (message) => logger.error(message),
  });
  await registry.restore();
  publisher.flush();
  return registry;
}

/** The admin API, and `/metrics` on a port of its own where that is asked for. */
async function openDoors(settings: Settings, backend: AdminBackend) {
  const { dataDir } = settings;
  const admin = await startAdminServer(backend, { ...settings.admin, dataDir });
  await writeFile(join(dataDir, 'admin.json'), JSON.stringify({ host: admin.host, port: admin.port }));
  const monitoring = settings.monitoring === null ? null : await startMonitoring(settings.monitoring, backend.metrics);
  return {
    addresses: {
      admin: format(admin),
      adminSocket: admin.socketPath,
      ...(monitoring === null ? {} : { monitoring: format(monitoring) }),
    },
    close: async () => {
      await admin.close();
      await monitoring?.close();
    },
  };
}

type XdsParts = Readonly<{ snapshots: MeshSnapshots; identity: Identity; proxies: Proxies; registry: RegistryOwner }>;

function serveXds(
  settings: Settings,
  logger: Logger,
  { snapshots, identity, proxies, registry }: XdsParts,
): Promise<AdsServer> {
  for (const { host } of settings.xdsPlaintext) warnIfOpen(host, logger);
  return startAdsServer({
    listen: {
      plaintext: settings.xdsPlaintext.map(format),
      tls: [{ hostport: format(settings.xdsTls), credentials: identity.serverCredentials }],
    },
    provider: snapshots,
    authenticate: identity.authenticate,
    proxies,
    clock: systemClock,
    logger,
    onHealth: (proxy, health) => registry.setHealth(proxy.node, health.healthy, health.message),
    extraServices: [identity.service],
  });
}

/** The file that is named; without one the defaults, on Kubernetes with the control plane's own namespace as the root. */
async function readMeshSettings({ meshConfigFile: file, source }: Settings, logger: Logger): Promise<MeshSettings> {
  if (file === null) {
    const root = source.kind === 'kubernetes' ? { rootNamespace: source.namespace } : {};
    return { config: { ...defaultMeshConfig, ...root }, document: null };
  }
  let document: unknown;
  try {
    document = parseYaml(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new MeshError('io', `--mesh-config ${file} cannot be read`, { cause });
  }
  const result = parseMeshConfig(document);
  if (!result.ok) throw new MeshError('unsupported', `--mesh-config ${file}: ${formatProblems(result.problems)}`);
  for (const { path, message } of result.warnings) logger.warn({ file, path }, `mesh config: ${message}`);
  return { config: result.value, document };
}

function warnIfOpen(host: string, logger: Logger): void {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (!isLoopback)
    logger.warn({ host }, 'xDS without TLS is served beyond loopback: anybody who reaches it reads the configuration');
}
