/** Asks the application's health, as a WorkloadGroup's probe would: HTTP 2xx or 3xx, a TCP connection, or gRPC health. */
import { connect } from 'node:net';
import { get } from 'node:http';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { ProbeTarget } from './settings.ts';

/** Kubernetes' defaults, but asked more often at the start. */
const periodMs = 2000;
const timeoutMs = 1000;
const failureThreshold = 3;

/** Probes for ever; `tell` hears of the first result and of every change. Returns how to stop. */
export function startProbe(
  target: ProbeTarget,
  clock: Clock,
  tell: (isHealthy: boolean, message: string) => void,
): () => void {
  let isStopped = false;
  let told: boolean | null = null;
  let failures = 0;
  let cancel: () => void = () => undefined;
  const settle = (problem: string | null) => {
    failures = problem === null ? 0 : failures + 1;
    const isHealthy = problem === null;
    const isCertain = isHealthy || told === null || failures >= failureThreshold;
    if (isCertain && told !== isHealthy) {
      told = isHealthy;
      tell(isHealthy, problem ?? '');
    }
  };
  const look = async () => {
    const problem = await ask(target);
    if (isStopped) return;
    settle(problem);
    cancel = clock.after(periodMs, () => void look());
  };
  void look();
  return () => {
    isStopped = true;
    cancel();
  };
}

/** Null when healthy, else what is wrong. */
async function ask(target: ProbeTarget): Promise<string | null> {
  try {
    switch (target.kind) {
      case 'http':
        return await askHttp(target.port, target.path);
      case 'tcp':
        return await askTcp(target.port);
      case 'grpc':
        return await askGrpc(target.port);
    }
  } catch (error) {
    return describeError(error);
  }
}

function askHttp(port: number, path: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, timeout: timeoutMs, agent: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? null : `${path} answered ${status}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    request.on('error', reject);
  });
}

function askTcp(port: number): Promise<string | null> {
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

/** `grpc.health.v1.Health/Check` of the whole server: an empty request, and a response whose field 1 is the status. */
const HealthClient = makeClientConstructor(
  {
    Check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: () => null,
      responseSerialize: () => Buffer.alloc(0),
      responseDeserialize: (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
    },
  },
  'Health',
);

function askGrpc(port: number): Promise<string | null> {
  const client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise<string | null>((resolve, reject) => {
    const deadline = Date.now() + timeoutMs;
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      () => Buffer.alloc(0),
      (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
      null,
      { deadline },
      (error, status) => {
        if (error !== null) reject(error);
        else resolve(status === serving ? null : `gRPC health status ${status ?? 0}`);
      },
    );
  }).finally(() => client.close());
}
