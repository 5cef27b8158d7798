/** A sidecar that gets its configuration and certificate from a control plane, in a pod or elsewhere. */
import { systemClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { Readiness } from '#shared/runtime/readiness.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { AdminFace } from './admin-face.ts';
import { startAdmin, startReadiness } from './admin/server.ts';
import { appPorts, appState } from './app-state.ts';
import { assemble, keepMemory, type Sidecar, type Surroundings } from './assemble.ts';
import { ControlLink } from './control-link.ts';
import type { DataPlane } from './data-plane.ts';
import { Draining } from './draining.ts';
import { startProbe } from './health-probe.ts';
import { ListeningGate } from './listening-gate.ts';
import type { MemoryKeeper } from './memory-keeper.ts';
import { prepareNames } from './names-of-mesh.ts';
import type { RunningServer } from './net/http-server.ts';
import type { ListeningSockets } from './net/listening-sockets.ts';
import { openDataPlane } from './open-data-plane.ts';
import { otherProcesses, watchProcesses } from './pod-processes.ts';
import type { Settings } from './settings.ts';
import type { MeshedSettings } from './settings/meshed.ts';
import { startMetrics, startStatus } from './status/server.ts';
import { stopInPod } from './stopping.ts';
import { TimeToReady } from './time-to-ready.ts';
import type { XdsState } from './xds/session.ts';

type Meshed = Settings & MeshedSettings;

/** Before this the pod's grace period ends: what is left is for the very last. */
const lastMs = 2000;

/** Starts it. */
export async function buildMeshed(settings: Meshed, logger: Logger, around: Surroundings): Promise<Sidecar> {
  const readiness = new Readiness();
  const configured = readiness.gate('configuration');
  const link = await ControlLink.open(settings, logger, readiness);
  const dataPlane = await meshedDataPlane(settings, logger, { link, sockets: around.sockets });
  const memory = keepMemory(around, dataPlane);
  let gate: ListeningGate | null = null;
  const inForce = new WatchSource<XdsState | null>(null);
  follow({ link, dataPlane, memory, inForce, onApplied: () => gate?.check(), onConfigured: configured });
  link.start();
  const stopProbe = followProbe(settings, link);
  const serveNames = prepareNames({ settings, inForce, readiness, logger, sockets: around.sockets });
  await around.mayListen(readiness);
  const listeners = () => link.view.current().snapshot.listeners;
  const listening = new ListeningGate({ readiness, clock: systemClock, dataPlane, listeners });
  gate = listening;
  const time = timeToReady(readiness, logger);
  const listen = () => dataPlane.listen().then(() => listening.check());
  await listen();
  const names = await serveNames();
  const draining = new Draining(systemClock, readiness, dataPlane);
  const parts = { dataPlane, readiness, draining };
  const families = () => names.flatMap((proxy) => proxy.families());
  const drain = () => draining.start();
  const readyMs = () => time.ms;
  const face = new AdminFace({ ...parts, logger, link, bootstrap: null, readyMs, families, drain, ...around });
  const stopWatching = watchOthers(settings, () => {
    logger.info('the other containers of the pod have ended');
    around.quit();
  });
  const [admin, ...others] = await startServers(settings, { face, around, logger });
  return assemble({
    ...parts,
    settings,
    admin,
    listen,
    servers: [admin, ...others, ...names],
    ...(settings.app === null ? {} : { drained: () => stopAfterApp(settings, { link, dataPlane, draining, logger }) }),
    stop: () => {
      stopProbe();
      stopWatching();
      listening.close();
      memory.close();
      link.close();
    },
  });
}

function timeToReady(readiness: Readiness, logger: Logger): TimeToReady {
  const onReady = (ms: number) => logger.info({ afterMs: Math.round(ms) }, 'ready');
  return new TimeToReady(readiness, () => performance.now(), onReady);
}

/** The first process of a container of its own sees no others. */
function watchOthers({ endsWithApp }: Meshed, onEnd: () => void): () => void {
  if (!endsWithApp) return () => undefined;
  if (process.pid === 1)
    throw new MeshError('unsupported', '--end-with-application needs shareProcessNamespace: true in the pod');
  return watchProcesses(systemClock, () => otherProcesses('/proc', process.pid), onEnd);
}

type Following = Readonly<{
  link: ControlLink;
  dataPlane: DataPlane;
  memory: MemoryKeeper;
  /** Is told what is in force. */
  inForce: WatchSource<XdsState | null>;
  onApplied: () => void;
  onConfigured: () => void;
}>;

/** Puts into force what the control plane says. It is configured once nothing of that is awaited any more. */
function follow({ link, dataPlane, memory, inForce, onApplied, onConfigured }: Following): void {
  const take = () => {
    const view = link.view.current();
    if (view.snapshot.listeners.size === 0) return;
    void dataPlane.apply(view.snapshot).then(async () => {
      inForce.set(view.state);
      onApplied();
      if (link.view.current().waiting.length > 0) return;
      await memory.configured();
      onConfigured();
    });
  };
  link.view.subscribe(take);
  take();
}

type Faces = Readonly<{ face: AdminFace; around: Surroundings; logger: Logger }>;

/** The admin port, readiness, and those of a pod. */
async function startServers(
  { admin, readiness, status, metrics, app, ip }: Meshed,
  { face: { view }, around: { sockets }, logger }: Faces,
): Promise<[admin: RunningServer, ...RunningServer[]]> {
  const log = (level: 'info' | 'warn', facts: object, message: string) => logger[level](facts, message);
  const started: [RunningServer, ...RunningServer[]] = [await startAdmin(view, admin, sockets)];
  started.push(await startReadiness(view, readiness, sockets));
  if (status !== null) started.push(await startStatus({ ...view, log }, { app, host: ip }, status, sockets));
  if (metrics !== null) started.push(await startMetrics(view, metrics, sockets));
  return started;
}

type Ending = Readonly<{ link: ControlLink; dataPlane: DataPlane; draining: Draining; logger: Logger }>;

/** In a pod the application goes first. */
function stopAfterApp(settings: Meshed, { link, dataPlane, draining, logger }: Ending): Promise<void> {
  const { app, drainMs, terminationMs } = settings;
  const ports = appPorts(app?.ports ?? [], link.view.current().snapshot);
  return stopInPod({
    clock: systemClock,
    dataPlane,
    lookAtApp: () => appState(ports),
    drainingSince: draining.since ?? systemClock.monotonic(),
    limits: { drainMs, limitMs: Math.max(0, terminationMs - lastMs) },
    log: logger,
  });
}

/** Asks the application's health as the flag says, else as the control plane does, for as long as it says the same. */
function followProbe({ probe }: MeshedSettings, link: ControlLink): () => void {
  const tell = (isHealthy: boolean, message: string) => link.setHealth(isHealthy, message);
  if (probe !== null) return startProbe(probe, systemClock, tell);
  let current = '';
  let stop: () => void = () => undefined;
  const follow = () => {
    const found =
      [...link.view.current().snapshot.listeners.values()].find((listener) => listener.probe !== null)?.probe ?? null;
    if (JSON.stringify(found) === current) return;
    current = JSON.stringify(found);
    stop();
    stop = found === null ? () => undefined : startProbe(found, systemClock, tell);
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
