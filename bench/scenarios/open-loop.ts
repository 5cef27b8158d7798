/** A fixed rate, as services see it, and not as much as goes: Poisson arrivals, answers of 1 KB, latency from when a request was due. */
import { runOpenLoop } from '../loads/open-loop.ts';
import { probe } from '../loads/probe.ts';
import { bodyPaths } from '../peers/backends.ts';
import { plainShape } from '../peers/pair.ts';
import { targetsOn } from '../peers/peers.ts';
import type { Goal } from '../summary.ts';
import { loadSample, meteredPair, ofOther, withPair, type Context, type Scenario } from './scenario.ts';

/** At 1000 a second V8 would still compile after half a minute: p99 14 ms after 3 s of it, 1 ms after 15. */
const warmUpPerSecond = 5000;

export const openLoopScenarios: readonly Scenario[] = [
  openLoop(1000, 16, [
    ...ofOther('tulle', 'cpuUs', { 'envoy-full': 0.5 }),
    ...ofOther('tulle', 'p50Us', { 'envoy-full': 0.6 }),
    ...ofOther('tulle', 'p99Us', { 'envoy-full': 0.8 }),
  ]),
  openLoop(5000, 32, [
    ...ofOther('tulle-mux', 'p50Us', { 'envoy-full-mux': 0.5, 'nginx-full': 1 }),
    ...ofOther('tulle-mux', 'p99Us', { 'envoy-full-mux': 0.4, 'nginx-full': 1.25 }),
  ]),
];

function openLoop(perSecond: number, connections: number, goals: readonly Goal[]): Scenario {
  const path = bodyPaths[1024];
  const setting = { shape: plainShape, backend: 'http' } as const;
  const measure = (context: Context) =>
    withPair(context, setting, async (pair) => {
      const { times, bench } = context;
      const load = { port: pair.port, path, perSecond, connections };
      await probe(pair.port, 'http1', path);
      const warmUp = { ...load, perSecond: Math.max(perSecond, warmUpPerSecond), seconds: times.warmUpSeconds };
      await runOpenLoop(warmUp, bench.signal);
      return loadSample(await meteredPair(pair, () => runOpenLoop({ ...load, seconds: times.seconds }, bench.signal)));
    });
  return {
    ...setting,
    name: `open-${perSecond}`,
    about: `${perSecond} requests a second, open loop, ${connections} connections, answers of 1 KB, with and without multiplexing`,
    targets: [
      ...targetsOn('http1'),
      ...targetsOn('mux', ['tulle', 'tulle-bundle', 'envoy-full', 'haproxy', 'against']),
    ],
    tool: null,
    columns: ['cpuUs', 'rps', 'p50Us', 'addedP50Us', 'p99Us', 'addedP99Us', 'p999Us', 'inMb', 'outMb'],
    plots: ['cpuUs', 'p50Us', 'p99Us'],
    goals,
    measure,
  };
}
