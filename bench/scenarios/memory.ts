/** Memory: idle and after load, with the configuration of a large mesh, of each idle connection, of each further worker. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Figures, Sample } from '../figures.ts';
import { holdConnections } from '../loads/held-connections.ts';
import { probe } from '../loads/probe.ts';
import { runWrk } from '../loads/wrk.ts';
import { plainShape, type Shape } from '../peers/pair.ts';
import { targetsOn, type Peer } from '../peers/peers.ts';
import type { RunningPair } from '../peers/running-pair.ts';
import { proportionalMbOf, residentMbOf } from '../processes/proc.ts';
import type { ServerProcess } from '../processes/server-process.ts';
import { loadSample, meteredPair, withPair, type Context, type Scenario } from './scenario.ts';

const onEnvoyFiles: readonly Peer[] = ['tulle', 'tulle-bundle', 'envoy-full', 'against'];
const proxies: readonly Peer[] = ['tulle', 'tulle-bundle', 'envoy-full', 'nginx-full', 'haproxy', 'against'];
/** By then what a start needed has gone back to the system. */
const idleMs = 6000;
const heldConnections = 1000;

export const memoryScenarios: readonly Scenario[] = [
  resident({
    name: 'memory',
    about: 'idle, and after HTTP/1.1 of 32 connections',
    peers: proxies,
    services: 0,
    limit: 80,
  }),
  resident({
    name: 'memory-1000-services',
    about: 'the same, with 1000 services in the configuration: a cluster and a virtual host each',
    peers: onEnvoyFiles,
    services: 1000,
    limit: 110,
  }),
  {
    name: 'memory-connections',
    about: `of each of ${heldConnections} idle connections: plaintext ones of \`out\`, mTLS ones of \`in\`, after one request each`,
    targets: targetsOn('http1', proxies),
    shape: plainShape,
    backend: 'http',
    tool: null,
    columns: ['plainKb', 'tlsKb'],
    plots: ['plainKb', 'tlsKb'],
    goals: [],
    measure: (context) =>
      withPair(context, { shape: plainShape, backend: 'http' }, (pair) => ofConnections(pair, context)),
  },
  {
    name: 'memory-workers',
    about: 'of a second worker after load (proportional: what workers share counts once), mean of both hops',
    targets: targetsOn('http1', proxies),
    shape: { ...plainShape, workers: 2 },
    backend: 'http',
    tool: 'wrk',
    columns: ['workerMb'],
    plots: ['workerMb'],
    goals: [],
    measure: ofWorker,
  },
];

type Resident = Readonly<{ name: string; about: string; peers: readonly Peer[]; services: number; limit: number }>;

function resident({ name, about, peers, services, limit }: Resident): Scenario {
  const setting = { shape: { ...plainShape, services }, backend: 'http' } as const;
  return {
    ...setting,
    name,
    about: `resident memory of one worker, ${about}`,
    targets: targetsOn('http1', peers),
    tool: 'wrk',
    columns: ['idleMb', 'residentMb', 'inMb', 'outMb'],
    plots: ['idleMb', 'residentMb'],
    goals: [{ target: 'tulle', figure: 'residentMb', limit, of: null }],
    measure: (context) =>
      withPair(context, setting, async (pair) => {
        await probe(pair.port, 'http1', '/');
        await pause(idleMs, undefined, { signal: context.bench.signal });
        const idleMb = Math.max(...pair.servers.map(residentOf));
        const { figures, ...rest } = await afterLoad(pair, context);
        return { ...rest, figures: { ...figures, idleMb } };
      }),
  };
}

async function afterLoad(pair: RunningPair, { times, bench }: Context): Promise<Sample> {
  const load = { port: pair.port, path: '/', connections: 32, headers: [] };
  const seconds = times.warmUpSeconds + times.seconds;
  return loadSample(await meteredPair(pair, () => runWrk({ ...load, seconds }, bench.signal)));
}

const residentOf = (server: ServerProcess) => residentMbOf(server.pids());

async function ofConnections(pair: RunningPair, { bench }: Context): Promise<Sample> {
  const [inServer, outServer] = pair.servers;
  if (inServer === undefined || outServer === undefined) throw new Error('needs proxies');
  const kilobytesOfEach = async (
    server: ServerProcess,
    hold: (count: number) => ReturnType<typeof holdConnections>,
  ) => {
    // What the first connections bring along once is no cost of each.
    const first = await hold(50);
    await pause(idleMs / 2, undefined, { signal: bench.signal });
    const before = residentOf(server);
    const held = await hold(heldConnections);
    await pause(idleMs, undefined, { signal: bench.signal });
    const after = residentOf(server);
    held.close();
    first.close();
    return ((after - before) * 1024) / heldConnections;
  };
  const { outPort, inPort } = pair.scope;
  const plainKb = await kilobytesOfEach(outServer, (count) => holdConnections(count, outPort, null));
  const tlsKb = await kilobytesOfEach(inServer, (count) => holdConnections(count, inPort, bench.certificates));
  return { figures: { plainKb, tlsKb }, errors: '', foreignCores: 0 };
}

async function ofWorker(context: Context): Promise<Sample> {
  const ofShape = async (shape: Shape) =>
    withPair(context, { shape, backend: 'http' }, async (pair) => {
      await probe(pair.port, 'http1', '/');
      const { foreignCores, errors } = await afterLoad(pair, context);
      const megabytes = pair.servers.map((server) => proportionalMbOf(server.pids()));
      return { mb: megabytes.reduce((sum, each) => sum + each, 0) / megabytes.length, foreignCores, errors };
    });
  const one = await ofShape(plainShape);
  const two = await ofShape({ ...plainShape, workers: 2 });
  const figures: Figures = { workerMb: two.mb - one.mb };
  return {
    figures,
    errors: [one.errors, two.errors].join(''),
    foreignCores: Math.max(one.foreignCores, two.foreignCores),
  };
}
