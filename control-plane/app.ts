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
import { startAdminServer } from './admin/server.ts';
import { CatalogPublisher } from './catalog/publisher.ts';
import { openIdentity, type Identity } from './identity.ts';
import { MeshSnapshots } from './mesh-snapshots.ts';
import { RegistryOwner } from './registry-owner.ts';
import { RegistryFile } from './registry/registry-file.ts';
import type { Settings } from './settings.ts';
import { FolderSource } from './sources/file/folder-source.ts';
import { startAdsServer, type AdsServer } from './xds/ads-server.ts';
import { Proxies } from './xds/proxies.ts';

/** A running control plane. */
export type ControlPlane = Readonly<{
  addresses: Readonly<{ plaintext: readonly string[]; tls: readonly string[]; admin: string; adminSocket: string }>;
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
  const mesh = await readMeshConfig(settings.meshConfigFile, logger);
  const publisher = new CatalogPublisher(clock);
  const source = new FolderSource(settings.configDir, clock, (message) => logger.warn(message));
  await source.start((changes) => publisher.tell(changes));
  publisher.flush();
  configRead();

  const identity = await openIdentity(settings, mesh, clock, logger);
  const registry = new RegistryOwner({
    mesh,
    clock,
    graceMs: settings.graceMs,
    catalog: publisher.catalog,
    tell: (changes) => publisher.tell(changes),
    file: new RegistryFile(join(settings.dataDir, 'registry.json')),
    onFailure: (message) => logger.error(message),
  });
  await registry.restore();
  publisher.flush();
  const snapshots = new MeshSnapshots(mesh, publisher.catalog, (node) => registry.connect(node));
  const proxies = new Proxies();
  const ads = await serveXds(settings, logger, { snapshots, identity, proxies, registry });
  serving();
  const backend = makeBackend({ settings, readiness, publisher, source, proxies, snapshots, registry, identity });
  const admin = await startAdminServer(backend, { ...settings.admin, dataDir: settings.dataDir });
  await writeFile(join(settings.dataDir, 'admin.json'), JSON.stringify({ host: admin.host, port: admin.port }));
  return {
    addresses: { ...ads.addresses, admin: format(admin), adminSocket: admin.socketPath },
    readiness,
    close: async () => {
      await admin.close();
      ads.close();
      registry.close();
      identity.close();
      publisher.close();
      await source.close();
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

async function readMeshConfig(file: string | null, logger: Logger): Promise<MeshConfig> {
  if (file === null) return defaultMeshConfig;
  let document: unknown;
  try {
    document = parseYaml(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new MeshError('io', `--mesh-config ${file} cannot be read`, { cause });
  }
  const result = parseMeshConfig(document);
  if (!result.ok) throw new MeshError('unsupported', `--mesh-config ${file}: ${formatProblems(result.problems)}`);
  for (const { path, message } of result.warnings) logger.warn({ file, path }, `mesh config: ${message}`);
  return result.value;
}

function warnIfOpen(host: string, logger: Logger): void {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (!isLoopback)
    logger.warn({ host }, 'xDS without TLS is served beyond loopback: anybody who reaches it reads the configuration');
}
