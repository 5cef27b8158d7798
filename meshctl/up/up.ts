/**
 * `meshctl up`: a whole mesh on this machine, without root and without a cluster.
 *
 *   options -> instances, ports, folders -> blueprint -> Supervisor -> processes (one group each, logs in DATA/logs)
 *                                                          |  notices, the traffic generator's lines, sidecars' metrics
 *                                                          v
 *                                                       Screen: what starts, where it is, one status line that lives
 *
 * `mesh.ts` owns the processes and the signals; what runs in which order is decided in `supervision.ts`, with which flags in
 * `blueprint.ts`. Processes end with this one even when it is killed: see `follow-parent.mjs`.
 */
import { systemClock } from '#shared/runtime/clock.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { isTerminal } from '../settings.ts';
import { blueprintOf } from './blueprint.ts';
import { instancesOf, portNamesOf, type Instance } from './instances.ts';
import { layoutOf, type Layout } from './layout.ts';
import { Mesh } from './mesh.ts';
import { allocatePorts, isPortFree, readPorts, writePorts, type Ports } from './ports.ts';
import { prepareFolders, refuseIfRunning } from './prepare.ts';
import { Screen } from './screen.ts';

/** The flags of `up`. */
export type UpOptions = Readonly<{ data?: string; services: string; traffic: boolean; restart: string }>;

/** Requests that the generator makes in a second. */
const trafficRate = 40;
const adminPort = 8080;
const maxServices = 10;

/** Runs a mesh until it is told to stop. Gives the exit code. */
export async function up(options: UpOptions): Promise<number> {
  const startedAtMs = Date.now();
  const instances = instancesOf({ services: parseServices(options.services), traffic: options.traffic });
  const layout = layoutOf(options.data ?? '.tulle');
  await refuseIfRunning(layout);
  const ports = await choosePorts(layout, instances);
  const blueprints = blueprintOf({ layout, ports }, instances, trafficRate);
  prepareFolders(
    layout,
    blueprints.map(({ name }) => name),
    instances.map(({ app }) => app),
  );
  writePorts(layout.ports, ports);
  const screen = makeScreen();
  screen.line(`Starting ${blueprints.length} processes: ${blueprints.map(({ name }) => name).join(', ')}`);
  const mesh = new Mesh({
    layout,
    ports,
    instances,
    blueprints,
    screen,
    startedAtMs,
    restarts: options.restart !== 'off',
  });
  return mesh.run();
}

function parseServices(text: string): number {
  const services = Number(text);
  if (Number.isInteger(services) && services >= 1 && services <= maxServices) return services;
  throw new CommandError(exitCodes.usage, `--services ${text} is not a number from 1 to ${maxServices}`);
}

async function choosePorts(layout: Layout, instances: readonly Instance[]): Promise<Ports> {
  const wanted = readPorts(layout.ports);
  const admin = (await isPortFree(adminPort)) ? { admin: adminPort } : {};
  return allocatePorts(['admin', 'xds', ...portNamesOf(instances)], { ...wanted, ...admin }, Math.random);
}

function makeScreen(): Screen {
  return new Screen({
    write: (text) => process.stdout.write(text),
    isTerminal: isTerminal(),
    columns: () => process.stdout.columns,
    now: () => systemClock.monotonic(),
  });
}
