/**
 * The processes of a mesh on this machine, as data: folders, ports and options come in, and out go command lines, environments
 * and the order of starting and stopping. Nothing is started here.
 *
 *   traffic -> its sidecar ==mTLS==> orders' sidecar -> orders -> orders' sidecar ==mTLS==> payments' sidecar -> payments ...
 *
 * An application knows only `HTTP_PROXY`, the port of its own sidecar; a sidecar knows its application's port and the control
 * plane. Nobody else's port is told to anybody: the control plane does that.
 */
import { join } from 'node:path';
import { portName, type Instance } from './instances.ts';
import type { Layout } from './layout.ts';
import type { Ports } from './ports.ts';
import type { ProcessPlan } from './supervision.ts';

/** A process to be: what runs, with what, and how to see that it serves. */
export type ProcessBlueprint = ProcessPlan &
  Readonly<{
    /** Arguments of node. */
    args: readonly string[];
    env: Readonly<Record<string, string>>;
    /** Answers 200 when the process serves; null: it serves when it runs. */
    readyUrl: string | null;
    /** Standard output: into the log, or line by line to whoever started it. */
    output: 'log' | 'lines';
    /** Whose join token must lie at `tokenOf(name)` before it starts. */
    identity: Readonly<{ namespace: string; serviceAccount: string }> | null;
  }>;

/** The namespace of the order service. */
export const namespace = 'shop';

/** Who is started after whom, who is stopped after whom, and how long each may take for it: under five seconds in all. */
const order = {
  controlPlane: { wave: 0, stopStage: 3, stopGraceMs: 800 },
  sidecar: { wave: 1, stopStage: 2, stopGraceMs: 1800 },
  service: { wave: 1, stopStage: 1, stopGraceMs: 1300 },
  traffic: { wave: 2, stopStage: 0, stopGraceMs: 600 },
} as const;

type Frame = Readonly<{ layout: Layout; ports: Ports }>;

/** All processes for these instances. */
export function blueprintOf(frame: Frame, instances: readonly Instance[], rate: number): readonly ProcessBlueprint[] {
  return [
    controlPlane(frame),
    ...instances.map((instance) => sidecar(frame, instance)),
    ...instances.map((instance) => application(frame, instance, rate)),
  ];
}

/** The name of an instance's sidecar, among processes and logs. */
export const sidecarName = (instance: string) => `${instance}-sidecar`;

/** `HOST:PORT` of a port on this machine. */
export function local(ports: Ports, name: string): string {
  return `127.0.0.1:${ports[name] ?? 0}`;
}

const entry = ({ layout }: Frame, ...path: string[]) => join(layout.repository, ...path);

function controlPlane(frame: Frame): ProcessBlueprint {
  const { layout, ports } = frame;
  const flags = {
    '--config-dir': layout.config,
    '--mesh-config': layout.meshConfig,
    '--data-dir': layout.controlPlane,
    '--xds-tls': local(ports, 'xds'),
    '--xds-plaintext': 'off',
    '--admin': local(ports, 'admin'),
    '--log-level': 'info',
  };
  return {
    ...order.controlPlane,
    name: 'control-plane',
    args: [entry(frame, 'control-plane', 'main.ts'), ...Object.entries(flags).flat()],
    env: {},
    readyUrl: `http://${local(ports, 'admin')}/ready`,
    output: 'log',
    identity: null,
  };
}

function sidecar(frame: Frame, instance: Instance): ProcessBlueprint {
  const { layout, ports } = frame;
  const { app, name, version, serves } = instance;
  const port = (use: Parameters<typeof portName>[1]) => ports[portName(name, use)] ?? 0;
  const flags = {
    '--control-plane': local(ports, 'xds'),
    '--ca-cert': layout.rootCertificate,
    '--token-file': layout.tokenOf(name),
    '--name': name,
    '--namespace': namespace,
    '--service-account': app,
    '--labels': `app=${app},version=${version}`,
    '--ip': '127.0.0.1',
    '--interception': 'NONE',
    '--http-proxy-port': String(port('proxy')),
    '--admin': `127.0.0.1:${port('admin')}`,
    '--readiness': `127.0.0.1:${port('ready')}`,
    '--data-dir': layout.sidecar(name),
    '--drain-seconds': '1',
    // Many sidecars share one machine: threads of each would cost memory, and gain nothing.
    '--concurrency': '1',
    // What nobody calls is no endpoint of any service.
    ...(serves
      ? { '--inbound': `http=${port('http')}:${port('inbound')}`, '--probe': `http:${port('http')}/ready` }
      : {}),
  };
  return {
    ...order.sidecar,
    name: sidecarName(name),
    args: [
      '--single-threaded-gc',
      '--no-maglev',
      '--max-inlined-bytecode-size-cumulative=2500',
      '--max-semi-space-size=4',
      '--heap-growing-percent=30',
      entry(frame, 'sidecar', 'main.ts'),
      ...Object.entries(flags).flat(),
      ...(serves ? ['--register'] : []),
    ],
    env: { MALLOC_ARENA_MAX: '1' },
    readyUrl: `http://127.0.0.1:${port('ready')}/healthz/ready`,
    output: 'log',
    identity: { namespace, serviceAccount: app },
  };
}

const url = (app: string) => `http://${app}.${namespace}.svc.cluster.local`;

function application(frame: Frame, { app, name, version, serves }: Instance, rate: number): ProcessBlueprint {
  const { layout, ports } = frame;
  const proxy = `http://${local(ports, portName(name, 'proxy'))}`;
  return {
    ...(serves ? order.service : order.traffic),
    name,
    args: [entry(frame, 'order-service', app, 'main.ts')],
    env: {
      HOST: '127.0.0.1',
      PORT: String(ports[portName(name, 'http')] ?? 0),
      GRPC_PORT: String(ports[portName(name, 'grpc')] ?? 0),
      // Copies of a service share their store: an order that one placed can be paid at another.
      DATA_DIR: layout.service(app),
      APP_VERSION: version,
      ORDERS_URL: url('orders'),
      PAYMENTS_URL: url('payments'),
      INVENTORY_URL: url('inventory'),
      RATE: String(rate),
      HTTP_PROXY: proxy,
      http_proxy: proxy,
      NO_PROXY: '',
      no_proxy: '',
      NODE_USE_ENV_PROXY: '1',
    },
    readyUrl: serves ? `http://${local(ports, portName(name, 'http'))}/ready` : null,
    output: serves ? 'log' : 'lines',
    identity: null,
  };
}
