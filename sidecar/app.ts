/**
 * The composition root of the sidecar: snapshot (from the control plane or a bootstrap file) -> plan -> listeners; identity ->
 * TLS; telemetry; the admin port. `build` starts everything and returns how to drain and stop.
 */
import { readFile } from 'node:fs/promises';
import { systemClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { Readiness } from '#shared/runtime/readiness.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { WatchSource, type Watch } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { AdminFace } from './admin-face.ts';
import { startAdmin } from './admin/server.ts';
import { assemble, keepMemory, type Sidecar, type Surroundings } from './assemble.ts';
import { parseBootstrap, type Bootstrap } from './bootstrap/bootstrap.ts';
import { Draining } from './draining.ts';
import { openDataPlane } from './open-data-plane.ts';
import type { Settings, StaticSettings } from './settings.ts';

/** Starts a sidecar. */
export async function build(settings: Settings, logger: Logger, around: Surroundings): Promise<Sidecar> {
  if (settings.kind === 'static') return buildStatic(settings, logger, around);
  // What only a sidecar with a control plane needs is loaded here: gRPC alone takes 10 MB.
  const { buildMeshed } = await import('./build-meshed.ts');
  return buildMeshed(settings, logger, around);
}

async function buildStatic(
  settings: Settings & StaticSettings,
  logger: Logger,
  around: Surroundings,
): Promise<Sidecar> {
  const bootstrap = await readBootstrap(settings.configPath);
  const certificates: Watch<WorkloadCertificate | null> = new WatchSource<WorkloadCertificate | null>(null);
  const dataPlane = await openDataPlane({
    ...settings,
    logger,
    certificates,
    own: { name: bootstrap.node.id, namespace: '', labels: {} },
    ownAddress: '127.0.0.1',
    sockets: around.sockets,
  });
  const readiness = new Readiness();
  await dataPlane.apply(bootstrap.snapshot);
  const memory = keepMemory(around, dataPlane);
  await memory.configured();
  await around.mayListen(readiness);
  await dataPlane.listen();
  const draining = new Draining(systemClock, readiness, dataPlane);
  const face = new AdminFace({
    dataPlane,
    readiness,
    logger,
    link: null,
    bootstrap: bootstrap.message,
    readyMs: () => null,
    drain: () => draining.start(),
    ...around,
  });
  const admin =
    bootstrap.admin === null
      ? null
      : await startAdmin(face.view, { host: bootstrap.admin.address, port: bootstrap.admin.port }, around.sockets);
  return assemble({
    settings,
    dataPlane,
    readiness,
    draining,
    servers: admin === null ? [] : [admin],
    admin,
    stop: () => memory.close(),
  });
}

async function readBootstrap(path: string): Promise<Bootstrap> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new MeshError('io', `--config-path ${path} cannot be read`, { cause });
  }
  const bootstrap = await parseBootstrap(text);
  if (!bootstrap.ok) throw new MeshError('unsupported', `--config-path ${path}: ${formatProblems(bootstrap.problems)}`);
  return bootstrap.value;
}
