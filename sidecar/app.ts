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
import { startAdmin, startReadiness, type RunningServer } from './admin/server.ts';
import { parseBootstrap, type Bootstrap } from './bootstrap/bootstrap.ts';
import type { DataPlane } from './data-plane.ts';
import { openDataPlane } from './open-data-plane.ts';
import type { ControlLink } from './control-link.ts';
import type { startProbe } from './health-probe.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import type { MeshedSettings, Settings, StaticSettings } from './settings.ts';

/** A running sidecar. */
export type Sidecar = Readonly<{
  readiness: Readiness;
  /** Bound addresses of listeners by name. */
  listeners: () => ReadonlyMap<string, HostPort>;
  admin: HostPort | null;
  /** Takes no new work from the mesh in good order; resolves when it may exit. */
  drain: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** Starts a sidecar. `quit` is called when the admin port is asked to end the process. */
export async function build(settings: Settings, logger: Logger, quit: () => void): Promise<Sidecar> {
  return settings.kind === 'static' ? buildStatic(settings, logger, quit) : buildMeshed(settings, logger, quit);
}

async function buildStatic(settings: Settings & StaticSettings, logger: Logger, quit: () => void): Promise<Sidecar> {
  const bootstrap = await readBootstrap(settings.configPath);
  const certificates: Watch<WorkloadCertificate | null> = new WatchSource<WorkloadCertificate | null>(null);
  const dataPlane = await openDataPlane({
    ...settings,
    logger,
    certificates,
    own: { name: bootstrap.node.id, namespace: '', labels: {} },
    ownAddress: '127.0.0.1',
  });
  const readiness = new Readiness();
  await dataPlane.apply(bootstrap.snapshot);
  const face = new AdminFace({
    dataPlane,
    readiness,
    logger,
    link: null,
    bootstrap: bootstrap.message,
    drain: () => dataPlane.startDraining(),
    quit,
  });
  const admin =
    bootstrap.admin === null
      ? null
      : await startAdmin(face.view, { host: bootstrap.admin.address, port: bootstrap.admin.port });
  return assemble({
    settings,
    dataPlane,
    readiness,
    servers: admin === null ? [] : [admin],
    admin,
    stop: () => undefined,
  });
}

/** What only a sidecar with a control plane needs is loaded here: gRPC alone takes 10 MB. */
async function buildMeshed(settings: Settings & MeshedSettings, logger: Logger, quit: () => void): Promise<Sidecar> {
  const { ControlLink } = await import('./control-link.ts');
  const probing = await import('./health-probe.ts');
  const readiness = new Readiness();
  const configured = readiness.gate('configuration');
  const link = await ControlLink.open(settings, logger, readiness);
  const dataPlane = await meshedDataPlane(settings, logger, link);
  const follow = () => {
    const view = link.view.current();
    if (view.snapshot.listeners.size === 0) return;
    void dataPlane.apply(view.snapshot).then(() => {
      if (link.view.current().waiting.length === 0) configured();
    });
  };
  link.view.subscribe(follow);
  follow();
  link.start();
  const face = new AdminFace({
    dataPlane,
    readiness,
    logger,
    link,
    bootstrap: null,
    drain: () => dataPlane.startDraining(),
    quit,
  });
  const admin = await startAdmin(face.view, settings.admin);
  const ready = await startReadiness(face.view, settings.readiness);
  const stopProbe = followProbe(settings, link, probing.startProbe);
  return assemble({
    settings,
    dataPlane,
    readiness,
    servers: [admin, ready],
    admin,
    stop: () => {
      stopProbe();
      link.close();
    },
  });
}

type StartProbe = typeof startProbe;

/** Asks the application's health as the flag says, else as the control plane does, for as long as it says the same. */
function followProbe({ probe }: MeshedSettings, link: ControlLink, start: StartProbe): () => void {
  const tell = (isHealthy: boolean, message: string) => link.setHealth(isHealthy, message);
  if (probe !== null) return start(probe, systemClock, tell);
  let current = '';
  let stop: () => void = () => undefined;
  const follow = () => {
    const found =
      [...link.view.current().snapshot.listeners.values()].find((listener) => listener.probe !== null)?.probe ?? null;
    if (JSON.stringify(found) === current) return;
    current = JSON.stringify(found);
    stop();
    stop = found === null ? () => undefined : start(found, systemClock, tell);
  };
  const unsubscribe = link.view.subscribe(follow);
  follow();
  return () => {
    unsubscribe();
    stop();
  };
}

function meshedDataPlane(settings: Settings & MeshedSettings, logger: Logger, link: ControlLink): Promise<DataPlane> {
  const { name, namespace, labels, ip, transport, concurrency } = settings;
  return openDataPlane({
    concurrency,
    transport,
    logger,
    certificates: link.certificates,
    own: { name, namespace, labels },
    compat: 'tulle',
    ownAddress: ip,
  });
}

type Parts = Readonly<{
  settings: Settings;
  dataPlane: DataPlane;
  readiness: Readiness;
  servers: readonly RunningServer[];
  admin: RunningServer | null;
  stop: () => void;
}>;

function assemble({ settings, dataPlane, readiness, servers, admin, stop }: Parts): Sidecar {
  return {
    readiness,
    listeners: () => dataPlane.addresses(),
    admin: admin === null ? null : { host: admin.host, port: admin.port },
    drain: async () => {
      readiness.close('draining');
      dataPlane.startDraining();
      await dataPlane.drained(settings.drainMs);
    },
    close: async () => {
      stop();
      await dataPlane.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
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
