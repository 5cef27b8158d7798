/**
 * gRPC over HTTP/2 on all hops: unary calls as h2load can make them (32 octets there, 64 back, trailers) by connections and streams,
 * and messages on long-lived streams of grpc-js.
 */
import { runGrpcStreams } from '../loads/grpc-streams.ts';
import { runH2load } from '../loads/h2load.ts';
import { probe } from '../loads/probe.ts';
import { plainShape } from '../peers/pair.ts';
import { targetsOn } from '../peers/peers.ts';
import { loadSample, meteredPair, ofOther, withPair, type Context, type Scenario } from './scenario.ts';

const common = {
  targets: targetsOn('h2'),
  shape: plainShape,
  columns: ['cpuUs', 'inCpuUs', 'outCpuUs', 'userUs', 'rps', 'p50Us', 'p99Us', 'inMb', 'outMb'],
  plots: ['cpuUs', 'p99Us'],
} as const satisfies Partial<Scenario>;

export const grpcScenarios: readonly Scenario[] = [
  unary({ connections: 8, streams: 16, limits: { 'h2-envoy-full': 0.35, 'h2-haproxy': 0.8 } }),
  unary({ connections: 32, streams: 1, limits: { 'h2-envoy-full': 0.45, 'h2-haproxy': 1 } }),
  {
    ...common,
    name: 'grpc-streams',
    about:
      'messages of 64 octets back and forth on 8 x 16 streams that stay open, grpc-js at both ends; a count is a round trip',
    backend: 'grpcStreams',
    tool: null,
    goals: [],
    measure: (context) =>
      withPair(context, { shape: plainShape, backend: 'grpcStreams' }, async (pair) => {
        const load = { port: pair.port, connections: 8, streams: 16 };
        const { times, bench } = context;
        await runGrpcStreams({ ...load, seconds: times.warmUpSeconds }, bench.signal);
        const run = () => runGrpcStreams({ ...load, seconds: times.seconds }, bench.signal);
        return loadSample(await meteredPair(pair, run));
      }),
  },
];

type Unary = Readonly<{ connections: number; streams: number; limits: Readonly<Record<string, number>> }>;

function unary({ connections, streams, limits }: Unary): Scenario {
  const measure = (context: Context) =>
    withPair(context, { shape: plainShape, backend: 'grpc' }, async (pair) => {
      const { times, bench } = context;
      const load = { port: pair.port, connections, streams, folder: bench.folder };
      await probe(pair.port, 'h2', '');
      await runH2load({ ...load, seconds: times.warmUpSeconds }, bench.signal);
      return loadSample(await meteredPair(pair, () => runH2load({ ...load, seconds: times.seconds }, bench.signal)));
    });
  return {
    ...common,
    name: `grpc-${connections}x${streams}`,
    about: `gRPC-like unary calls on ${connections} connections with ${streams} streams each, saturated`,
    backend: 'grpc',
    tool: 'h2load',
    goals: ofOther('h2-tulle', 'cpuUs', limits),
    measure,
  };
}
