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
import { startAdmin, startReadiness, type AdminView, type RunningServer } from './admin/server.ts';
import { parseBootstrap, type Bootstrap } from './bootstrap/bootstrap.ts';
import type { DataPlane } from './data-plane.ts';
import { openDataPlane } from './open-data-plane.ts';
import type { ControlLink } from './control-link.ts';
import type { startProbe } from './health-probe.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { MemoryKeeper, type Memory } from './memory-keeper.ts';
import { prepareNames } from './names-of-mesh.ts';
import type { ListeningSockets } from './net/listening-sockets.ts';
import type { Settings, StaticSettings } from './settings.ts';
import type { MeshedSettings } from './settings/meshed.ts';
import { servedBy } from './telemetry/series.ts';

/** A running sidecar. */
export type Sidecar = Readonly<{
  readiness: Readiness;
  /** Bound addresses of listeners by name. */
  listeners: () => ReadonlyMap<string, HostPort>;
  admin: HostPort | null;
  /** Takes no new work from the mesh in good order; resolves when it may exit. */
  drain: () => Promise<void>;
  /**
   * A successor listens: takes no more connections and no more configuration, calls `letGo`, and resolves when what is open has ended in
   * good order.
   */
  handOver: (letGo: () => void) => Promise<void>;
  /** Tries again to bind what could not be bound before. */
  listen: () => Promise<void>;
  close: () => Promise<void>;
}>;

/** What the process of a sidecar gives it. */
export type Surroundings = Readonly<{
  /** The admin port was asked to end the process. */
  quit: () => void;
  /** The admin port was asked for a successor. */
  upgrade: AdminView['upgrade'];
  memory: Memory;
  sockets: ListeningSockets;
  /** Resolves when it may listen: at once, or for a successor when it is ready and its predecessor agrees. */
  mayListen: (readiness: Readiness) => Promise<void>;
}>;

/** Starts a sidecar. */
export async function build(settings: Settings, logger: Logger, around: Surroundings): Promise<Sidecar> {
  return settings.kind === 'static' ? buildStatic(settings, logger, around) : buildMeshed(settings, logger, around);
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
  const face = new AdminFace({
    dataPlane,
    readiness,
    logger,
    link: null,
    bootstrap: bootstrap.message,
    drain: () => dataPlane.startDraining(),
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
    servers: admin === null ? [] : [admin],
    admin,
    stop: () => memory.close(),
  });
}

function keepMemory({ memory }: Surroundings, dataPlane: DataPlane): MemoryKeeper {
  return new MemoryKeeper({ clock: systemClock, memory, served: () => servedBy(dataPlane.slabs()) });
}

type Meshed = Settings & MeshedSettings;

/** What only a sidecar with a control plane needs is loaded here: gRPC alone takes 10 MB. */
async function buildMeshed(settings: Meshed, logger: Logger, around: Surroundings): Promise<Sidecar> {
  const { ControlLink } = await import('./control-link.ts');
  const probing = await import('./health-probe.ts');
  const readiness = new Readiness();
  const configured = readiness.gate('configuration');
  const link = await ControlLink.open(settings, logger, readiness);
  const dataPlane = await meshedDataPlane(settings, logger, { link, sockets: around.sockets });
  const memory = keepMemory(around, dataPlane);
  const follow = () => {
    const view = link.view.current();
    if (view.snapshot.listeners.size === 0) return;
    void dataPlane.apply(view.snapshot).then(async () => {
      if (link.view.current().waiting.length > 0) return;
      await memory.configured();
      configured();
    });
  };
  link.view.subscribe(follow);
  follow();
  link.start();
  const stopProbe = followProbe(settings, link, probing.startProbe);
  const serveNames = prepareNames({ settings, link, readiness, logger, sockets: around.sockets });
  await around.mayListen(readiness);
  await dataPlane.listen();
  const names = await serveNames();
  const face = new AdminFace({
    dataPlane,
    readiness,
    logger,
    link,
    bootstrap: null,
    families: () => names.flatMap((proxy) => proxy.families()),
    drain: () => dataPlane.startDraining(),
    ...around,
  });
  const admin = await startAdmin(face.view, settings.admin, around.sockets);
  const ready = await startReadiness(face.view, settings.readiness, around.sockets);
  return assemble({
    settings,
    dataPlane,
    readiness,
    servers: [admin, ready, ...names],
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

function meshedDataPlane(
  settings: Settings & MeshedSettings,
  logger: Logger,
  { link, sockets }: Readonly<{ link: ControlLink; sockets: ListeningSockets }>,
): Promise<DataPlane> {
  const { name, namespace, labels, ip, transport, concurrency } = settings;
  return openDataPlane({
    concurrency,
    transport,
    logger,
    certificates: link.certificates,
    own: { name, namespace, labels },
    compat: 'tulle',
    ownAddress: ip,
    sockets,
  });
}

/** How long an answer of the admin port that is under way is waited for. */
const lastAnswerMs = 1000;

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
    handOver: async (letGo) => {
      stop();
      const stopped = Promise.all(servers.map((server) => server.stop()));
      const { drainMs, upgradeDrainMs } = settings;
      await dataPlane.handOver({ idleMs: drainMs, limitMs: upgradeDrainMs, onStopped: letGo });
      await Promise.race([stopped, new Promise<void>((done) => systemClock.after(lastAnswerMs, done))]);
    },
    listen: () => dataPlane.listen(),
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
