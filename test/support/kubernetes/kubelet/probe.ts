/** One try of a probe, as a kubelet makes it: from the node into the pod's network, or by a command within the container. */
import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { Output } from './container.ts';
import type { Container, HttpGet, Probe } from './objects.ts';

/** What is probed: the address of the pod, its container (for names of ports), and a way to run commands in it. */
export type Target = Readonly<{
  ip: string;
  container: Container;
  exec: (command: readonly string[], timeoutMs: number) => Promise<Output>;
}>;

/** Why a try failed; undefined when it succeeded. */
export async function tryProbe(probe: Probe, target: Target): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec !== undefined) {
      const { code, output } = await target.exec(probe.exec.command ?? [], timeoutMs);
      return code === 0 ? undefined : `command ended with ${code}: ${output}`;
    }
    if (probe.httpGet !== undefined) return await httpGet(probe.httpGet, target, timeoutMs);
    if (probe.tcpSocket !== undefined) {
      await tcp(probe.tcpSocket.host ?? target.ip, portOf(probe.tcpSocket.port, target.container), timeoutMs);
      return undefined;
    }
    if (probe.grpc !== undefined)
      return await grpc(`${target.ip}:${probe.grpc.port}`, probe.grpc.service ?? '', timeoutMs);
    return 'the probe has no handler';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A port by its number, or by the name that the container gives it. */
export function portOf(port: number | string, { ports = [] }: Container): number {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name === port)?.containerPort;
  if (named === undefined && !/^\d+$/.test(port)) throw new Error(`no port ${port}`);
  return named ?? Number(port);
}

/** A GET that any answer from 200 to 399 passes; hooks of the lifecycle use it too. */
export function httpGet(action: HttpGet, { ip, container }: Target, timeoutMs: number): Promise<string | undefined> {
  const headers = Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const options = {
    host: action.host ?? ip,
    port: portOf(action.port, container),
    path: action.path ?? '/',
    headers: { 'user-agent': 'kube-probe/1.20', accept: '*/*', connection: 'close', ...headers },
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    rejectUnauthorized: false,
  } as const;
  return new Promise((resolve, reject) => {
    const call = (action.scheme === 'HTTPS' ? requestHttps : requestHttp)(options, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? undefined : `HTTP status ${status}`);
    });
    call.on('error', reject);
    call.end();
  });
}

async function tcp(host: string, port: number, timeoutMs: number): Promise<void> {
  const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

const serving = 1;

/** `grpc.health.v1.Health/Check`: its messages have one field each, a string and an enumeration. */
const HealthClient = makeGenericClientConstructor(
  {
    check: {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: (service: string) => {
        const name = Buffer.from(service);
        return name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
      },
      requestDeserialize: (bytes) => bytes.subarray(2).toString(),
      responseSerialize: (status: number) => Buffer.from([0x08, status]),
      responseDeserialize: (bytes) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
    },
  },
  'Health',
);

type Check = (service: string, options: object, done: (error: Error | null, status: number) => void) => void;

function grpc(address: string, service: string, timeoutMs: number): Promise<string | undefined> {
  const client = new HealthClient(address, credentials.createInsecure());
  return new Promise<string | undefined>((resolve) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the client's methods are made from the definition above
    const check = (client['check'] as Check).bind(client);
    check(service, { deadline: Date.now() + timeoutMs }, (error, status) => {
      resolve(error !== null ? error.message : status === serving ? undefined : `not serving: ${status}`);
    });
  }).finally(() => client.close());
}
