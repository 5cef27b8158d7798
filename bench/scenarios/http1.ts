/**
 * HTTP/1.1, saturated: wrk keeps connections busy. With HTTP/1.1 between the hops, and with many requests on one HTTP/2 connection
 * (`mux`); by connections, by size of the answer, with a browser's headers, with eight endpoints.
 */
import { probe } from '../loads/probe.ts';
import { runWrk } from '../loads/wrk.ts';
import { bodyPaths } from '../peers/backends.ts';
import { plainShape } from '../peers/pair.ts';
import { targetsOn, type Peer, type Target } from '../peers/peers.ts';
import type { Goal } from '../summary.ts';
import { loadSample, meteredPair, ofOther, withPair, type Context, type Scenario } from './scenario.ts';

type Saturated = Readonly<{
  name: string;
  about: string;
  targets: readonly Target[];
  connections?: number;
  path?: string;
  headers?: readonly string[];
  endpoints?: number;
  goals?: readonly Goal[];
}>;

const muxPeers: readonly Peer[] = ['tulle', 'tulle-bundle', 'envoy-full', 'haproxy', 'against'];
const withoutMux = targetsOn('http1');
/** nginx cannot multiplex; it stands beside as what the goals are made of. */
const withMux = [...targetsOn('http1', ['direct', 'nginx-full']), ...targetsOn('mux', muxPeers)];
/** Tunnels parse nothing: what the kernel, TLS and, of ours, Node cost for the same octets on the same connections. */
const tunnels = targetsOn('tcp', ['tulle', 'tulle-bundle', 'envoy-full', 'haproxy', 'against']);
const both = [...withoutMux, ...targetsOn('mux', muxPeers)];

/** Twenty, about 900 octets: what a browser behind a gateway sends. */
const twentyHeaders = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Cookie: session=0123456789abcdef0123456789abcdef0123456789abcdef; theme=dark; experiment=A-B-C-D',
  'Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlc2lnbmF0dXJl',
  'Cache-Control: no-cache',
  'Pragma: no-cache',
  'Origin: https://shop.example.com',
  'Referer: https://shop.example.com/products/4711?colour=blue',
  'Sec-Fetch-Dest: empty',
  'Sec-Fetch-Mode: cors',
  'Sec-Fetch-Site: same-origin',
  'X-Forwarded-For: 203.0.113.7',
  'X-Forwarded-Proto: https',
  'X-Tenant: acme',
  'X-Client-Version: 4.17.2',
  'X-Correlation-Id: 0f8fad5b-d9cb-469f-a165-70867728950e',
  'If-None-Match: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'Priority: u=1, i',
];

export const http1Scenarios: readonly Scenario[] = [
  saturated({
    name: 'http1-floor',
    about: 'HTTP/1.1, and the same octets through tunnels that parse nothing: what no proxy of HTTP can cost less than',
    targets: [...targetsOn('http1', ['tulle', 'envoy-full', 'nginx-full']), ...tunnels],
  }),
  saturated({
    name: 'http1',
    about: 'HTTP/1.1 on all hops, 32 connections, saturated, answers of 128 octets',
    targets: withoutMux,
    goals: ofOther('tulle', 'cpuUs', { 'envoy-full': 0.45, 'nginx-full': 1 }),
  }),
  saturated({
    name: 'http1-mux',
    about: 'HTTP/1.1 multiplexed over HTTP/2 between the hops, 32 connections, saturated, answers of 128 octets',
    targets: withMux,
    goals: ofOther('tulle-mux', 'cpuUs', { 'envoy-full-mux': 0.4, 'nginx-full': 0.6, 'haproxy-mux': 1.15 }),
  }),
  ...[4, 128].flatMap((connections) => [
    saturated({
      name: `http1-c${connections}`,
      about: `HTTP/1.1 on all hops, ${connections} connections, saturated`,
      targets: withoutMux,
      connections,
    }),
    saturated({
      name: `http1-mux-c${connections}`,
      about: `HTTP/1.1 multiplexed between the hops, ${connections} connections, saturated`,
      targets: withMux,
      connections,
    }),
  ]),
  ...(
    [
      ['0b', 0, 'no body'],
      ['1kb', 1024, '1 KB'],
      ['64kb', 65536, '64 KB'],
    ] as const
  ).map(([suffix, bytes, size]) =>
    saturated({
      name: `http1-${suffix}`,
      about: `answers with ${size}, with and without multiplexing, 32 connections, saturated`,
      targets: both,
      path: bodyPaths[bytes],
    }),
  ),
  saturated({
    name: 'http1-20-headers',
    about: 'requests with twenty headers of a browser, with and without multiplexing, 32 connections, saturated',
    targets: both,
    headers: twentyHeaders,
  }),
  saturated({
    name: 'http1-8-endpoints',
    about: 'eight endpoints behind the calling hop, with and without multiplexing, 32 connections, saturated',
    targets: both,
    endpoints: 8,
  }),
];

function saturated(parts: Saturated): Scenario {
  const { name, about, targets, connections = 32, path = '/', headers = [], endpoints = 1, goals = [] } = parts;
  const setting = { shape: { ...plainShape, endpoints }, backend: 'http' } as const;
  const measure = (context: Context) =>
    withPair(context, setting, async (pair) => {
      const { times, bench } = context;
      const load = { port: pair.port, path, connections, headers };
      await probe(pair.port, 'http1', path);
      await runWrk({ ...load, seconds: times.warmUpSeconds }, bench.signal);
      return loadSample(await meteredPair(pair, () => runWrk({ ...load, seconds: times.seconds }, bench.signal)));
    });
  return {
    ...setting,
    name,
    about,
    targets,
    goals,
    measure,
    tool: 'wrk',
    columns: ['cpuUs', 'inCpuUs', 'outCpuUs', 'userUs', 'rps', 'p50Us', 'p99Us', 'inMb', 'outMb'],
    plots: ['cpuUs', 'p99Us'],
  };
}
