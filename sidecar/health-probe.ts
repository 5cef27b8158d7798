/** Asks the application's health, as a WorkloadGroup's probe would: HTTP 2xx or 3xx, a TCP connection, or gRPC health. */
import { connect } from 'node:net';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import type { Clock } from '#shared/runtime/clock.ts';
import { get } from '#shared/runtime/node-http.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Probe } from './snapshot/listener.ts';

/** Probes for ever; `tell` hears of the first result and of every change. Returns how to stop. */
export function startProbe(
  target: Probe,
  clock: Clock,
  tell: (isHealthy: boolean, message: string) => void,
): () => void {
  let isStopped = false;
  let state: ProbeState = { told: null, failures: 0, successes: 0 };
  let cancel: () => void = () => undefined;
  const look = async () => {
    const problem = await ask(target);
    if (isStopped) return;
    const [next, verdict] = judgeProbe(state, problem, target);
    state = next;
    if (verdict !== null) tell(verdict, problem ?? '');
    cancel = clock.after(target.periodMs, () => void look());
  };
  cancel = clock.after(target.initialDelayMs, () => void look());
  return () => {
    isStopped = true;
    cancel();
  };
}

/** What was told last (null: nothing yet), and how many results of one kind came since. */
export type ProbeState = Readonly<{ told: boolean | null; failures: number; successes: number }>;

/** One result: the next state, and the health to tell if it changed. The first result is told at once. */
export function judgeProbe(
  state: ProbeState,
  problem: string | null,
  limits: Pick<Probe, 'failureThreshold' | 'successThreshold'>,
): [ProbeState, boolean | null] {
  const isHealthy = problem === null;
  const successes = isHealthy ? state.successes + 1 : 0;
  const failures = isHealthy ? 0 : state.failures + 1;
  const isCertain =
    state.told === null || (isHealthy ? successes >= limits.successThreshold : failures >= limits.failureThreshold);
  if (!isCertain || state.told === isHealthy) return [{ told: state.told, failures, successes }, null];
  return [{ told: isHealthy, failures, successes }, isHealthy];
}

/** Null when healthy, else what is wrong. */
async function ask(target: Probe): Promise<string | null> {
  try {
    switch (target.kind) {
      case 'http':
        return await askHttp(target);
      case 'tcp':
        return await askTcp(target);
      case 'grpc':
        return await askGrpc(target);
    }
  } catch (error) {
    return describeError(error);
  }
}

function askHttp({ port, path, headers, timeoutMs }: Probe): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, headers, timeout: timeoutMs, agent: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? null : `${path} answered ${status}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', reject);
  });
}

function askTcp({ port, timeoutMs }: Probe): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no connection in ${timeoutMs} ms`)));
    socket.on('connect', () => {
      socket.destroy();
      resolve(null);
    });
    socket.on('error', reject);
  });
}

const serving = 1;

const checkPath = '/grpc.health.v1.Health/Check';
const HealthClient = makeClientConstructor({}, 'Health');

/** `HealthCheckRequest{string service = 1}` in its wire form. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length: number[] = [];
  let rest = name.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([0x0a, ...length, rest]), name]);
}

/** Field 1 of `HealthCheckResponse` is the status. */
const decodeStatus = (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0);

function askGrpc({ port, service, timeoutMs }: Probe): Promise<string | null> {
  const client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise<string | null>((resolve, reject) => {
    const deadline = Date.now() + timeoutMs;
    client.makeUnaryRequest(checkPath, encodeRequest, decodeStatus, service, { deadline }, (error, status) => {
      if (error !== null) reject(error);
      else resolve(status === serving ? null : `gRPC health status ${status ?? 0}`);
    });
  }).finally(() => client.close());
}
