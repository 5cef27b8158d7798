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
import { DataPath } from './data-path.ts';
import type { ControlLink } from './control-link.ts';
import type { startProbe } from './health-probe.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { useTransport } from './transport/connection-of.ts';
import { probeDirect } from './transport/direct-probe.ts';
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

/** What a sidecar needs of the process that it runs in. */
export type Process = Readonly<{
  /** Called when the admin port is asked to end the process. */
  quit: () => void;
  /** Gives memory back that is not needed any more. */
  settle: () => Promise<void>;
  residentBytes: () => number;
}>;

/** Starts a sidecar. */
export async function build(settings: Settings, logger: Logger, self: Process): Promise<Sidecar> {
  await chooseTransport(settings, logger);
  return settings.kind === 'static' ? buildStatic(settings, logger, self) : buildMeshed(settings, logger, self);
}

/** Before anything connects. */
async function chooseTransport({ transport }: Settings, logger: Logger): Promise<void> {
  const reason = transport === 'direct' ? await probeDirect() : 'it was asked for';
  useTransport(reason === null ? 'direct' : 'streams');
  if (reason !== null) logger.info({ reason }, "connections run on Node's documented streams");
}

async function buildStatic(settings: Settings & StaticSettings, logger: Logger, self: Process): Promise<Sidecar> {
  const bootstrap = await readBootstrap(settings.configPath);
  const certificates: Watch<WorkloadCertificate | null> = new WatchSource<WorkloadCertificate | null>(null);
  const own = { name: bootstrap.node.id, namespace: '', labels: {}, principal: () => '' };
  const dataPath = new DataPath({
    clock: systemClock,
    random: Math.random,
    logger,
    certificates,
    own,
    compat: settings.compat,
    ownAddress: '127.0.0.1',
  });
  const readiness = new Readiness();
  await dataPath.apply(bootstrap.snapshot);
  const face = new AdminFace({
    dataPath,
    readiness,
    logger,
    link: null,
    bootstrap: bootstrap.message,
    drain: () => dataPath.startDraining(),
    quit: self.quit,
  });
  const admin =
    bootstrap.admin === null
      ? null
      : await startAdmin(face.view, { host: bootstrap.admin.address, port: bootstrap.admin.port });
  await self.settle();
  return assemble({
    settings,
    dataPath,
    readiness,
    servers: admin === null ? [] : [admin],
    admin,
    stop: () => undefined,
  });
}

/** What only a sidecar with a control plane needs is loaded here: gRPC alone takes 10 MB. */
async function buildMeshed(settings: Settings & MeshedSettings, logger: Logger, self: Process): Promise<Sidecar> {
  const { ControlLink } = await import('./control-link.ts');
  const probing = await import('./health-probe.ts');
  const readiness = new Readiness();
  const configured = readiness.gate('configuration');
  const link = await ControlLink.open(settings, logger, readiness);
  const dataPath = meshedDataPath(settings, logger, link);
  const memory = new MemoryKeeper({ ...self, clock: systemClock, served: () => dataPath.served });
  const follow = () => {
    const view = link.view.current();
    if (view.snapshot.listeners.size === 0) return;
    void dataPath.apply(view.snapshot).then(async () => {
      if (link.view.current().waiting.length > 0) return;
      await memory.configured();
      configured();
    });
  };
  link.view.subscribe(follow);
  follow();
  link.start();
  const face = new AdminFace({
    dataPath,
    readiness,
    logger,
    link,
    bootstrap: null,
    drain: () => dataPath.startDraining(),
    quit: self.quit,
  });
  const admin = await startAdmin(face.view, settings.admin);
  const ready = await startReadiness(face.view, settings.readiness);
  const stopProbe = followProbe(settings, link, probing.startProbe);
  return assemble({
    settings,
    dataPath,
    readiness,
    servers: [admin, ready],
    admin,
    stop: () => {
      stopProbe();
      memory.close();
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

function meshedDataPath(settings: MeshedSettings, logger: Logger, link: ControlLink): DataPath {
  const { name, namespace, labels, ip } = settings;
  const principal = () => link.certificates.current()?.spiffeId ?? '';
  return new DataPath({
    clock: systemClock,
    random: Math.random,
    logger,
    certificates: link.certificates,
    own: { name, namespace, labels, principal },
    compat: 'tulle',
    ownAddress: ip,
  });
}

type Parts = Readonly<{
  settings: Settings;
  dataPath: DataPath;
  readiness: Readiness;
  servers: readonly RunningServer[];
  admin: RunningServer | null;
  stop: () => void;
}>;

function assemble({ settings, dataPath, readiness, servers, admin, stop }: Parts): Sidecar {
  return {
    readiness,
    listeners: () => dataPath.addresses(),
    admin: admin === null ? null : { host: admin.host, port: admin.port },
    drain: async () => {
      readiness.close('draining');
      dataPath.startDraining();
      await dataPath.drained(settings.drainMs);
    },
    close: async () => {
      stop();
      await dataPath.close();
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
