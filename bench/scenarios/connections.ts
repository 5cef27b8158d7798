/** Below HTTP: throughput of one TCP stream over mTLS, and what new connections cost the called side. */
import { runHandshakes } from '../loads/handshakes.ts';
import { runIperf3, warmIperf3 } from '../loads/iperf3.ts';
import { plainShape } from '../peers/pair.ts';
import { targetsOn } from '../peers/peers.ts';
import { loadSample, meteredPair, ofOther, withPair, type Scenario } from './scenario.ts';

export const connectionScenarios: readonly Scenario[] = [
  {
    name: 'tcp',
    about: 'one TCP stream, upload, mTLS between the hops; CPU for each megabyte',
    targets: targetsOn('tcp', ['direct', 'tulle', 'tulle-bundle', 'envoy-full', 'haproxy', 'against']),
    shape: plainShape,
    backend: 'tcp',
    tool: 'iperf3',
    columns: ['mbPerSecond', 'cpuUs', 'inCpuUs', 'outCpuUs', 'inMb', 'outMb'],
    plots: ['mbPerSecond', 'cpuUs'],
    goals: ofOther('tcp-tulle', 'mbPerSecond', { 'tcp-envoy-full': 1 }),
    measure: (context) =>
      withPair(context, { shape: plainShape, backend: 'tcp' }, async (pair) => {
        const { times, bench } = context;
        await warmIperf3(pair.port, { seconds: Math.min(1, times.warmUpSeconds) }, bench.signal);
        const run = () => runIperf3(pair.port, { seconds: times.seconds }, bench.signal);
        const sample = loadSample(await meteredPair(pair, run));
        const { rps: mbPerSecond = 0, ...figures } = sample.figures;
        return { ...sample, figures: { ...figures, mbPerSecond } };
      }),
  },
  handshakes('handshakes', false),
  handshakes('handshakes-resumed', true),
];

function handshakes(name: string, resume: boolean): Scenario {
  const setting = { shape: plainShape, backend: 'http' } as const;
  const kind = resume ? 'resumed' : 'full';
  return {
    ...setting,
    name,
    about: `${kind} mTLS 1.3 handshakes with the called side, P-256, eight at a time, one request each; CPU of \`in\` for each`,
    targets: targetsOn('http1', ['tulle', 'tulle-bundle', 'envoy-full', 'nginx-full', 'haproxy', 'against']),
    tool: null,
    columns: ['inCpuUs', 'rps', 'inMb'],
    plots: ['inCpuUs'],
    goals: [],
    measure: (context) =>
      withPair(context, setting, async (pair) => {
        const { times, bench } = context;
        const load = { port: pair.scope.inPort, certificates: bench.certificates, resume };
        await runHandshakes({ ...load, seconds: times.warmUpSeconds }, bench.signal);
        const run = () => runHandshakes({ ...load, seconds: times.seconds }, bench.signal);
        return loadSample(await meteredPair(pair, run));
      }),
  };
}
