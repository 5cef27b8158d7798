import { containerNames } from '../kubernetes/names.ts';
import { annotation } from './annotations.ts';
import { listOf } from './annotation-values.ts';
import { allContainers, isJsonObject, type Container, type Handler, type JsonObject, type Pod } from './pod.ts';
import { probersVariable } from './proxy-environment.ts';

/**
 * Probes and hooks that the kubelet makes over the network would reach the sidecar without a certificate. They are sent to the sidecar's
 * status port, which makes them itself: `/app-health/CONTAINER/readyz` stands for what the application said, kept in
 * ISTIO_KUBE_APP_PROBERS in the shape of Istio's (pkg/kube/inject/app_probe.go). What runs in the container (`exec`) stays.
 */
export type AppProbers = Record<string, Prober>;
export type Prober = { httpGet?: JsonObject; tcpSocket?: JsonObject; grpc?: JsonObject; timeoutSeconds?: number };

const places = [
  { member: 'readinessProbe', path: (name: string) => `/app-health/${name}/readyz` },
  { member: 'livenessProbe', path: (name: string) => `/app-health/${name}/livez` },
  { member: 'startupProbe', path: (name: string) => `/app-health/${name}/startupz` },
] as const;
const hooks = [
  { member: 'preStop', path: (name: string) => `/app-lifecycle/${name}/prestopz` },
  { member: 'postStart', path: (name: string) => `/app-lifecycle/${name}/poststartz` },
] as const;

/** Rewrites all probes of a pod in place; what cannot be is told in words. */
export function rewriteProbes(pod: Pod, proxy: Container, statusPort: number): string[] {
  const probers: AppProbers = {};
  const doubts: string[] = [];
  const isCaptured = capturedPorts(pod);
  for (const container of allContainers(pod)) {
    if (container.name === containerNames.proxy) continue;
    for (const [holder, member, path] of handlersOf(container)) {
      const handler = holder[member];
      if (!isJsonObject(handler) || isOurs(handler, path)) continue;
      const prober = toProber(handler, container);
      if (prober === 'stays') continue;
      if (prober === null)
        doubts.push(
          `container ${container.name}: ${member} names a port that the container has not, it stays as it is`,
        );
      else if (isCaptured(portOf(prober))) {
        probers[path] = prober;
        holder[member] = rewritten(handler, path, statusPort);
      }
    }
  }
  setVariable(proxy, probersVariable, Object.keys(probers).length === 0 ? null : encodeProbers(probers));
  return doubts;
}

/** Undoes {@link rewriteProbes}: each probe is again what the application said (named ports as numbers). */
export function restoreProbes(pod: Pod, probers: AppProbers): void {
  for (const container of allContainers(pod)) {
    for (const [holder, member, path] of handlersOf(container)) {
      const handler = holder[member];
      const prober = probers[path];
      if (!isJsonObject(handler) || prober === undefined || !isOurs(handler, path)) continue;
      const { httpGet: _ours, ...others } = handler;
      const { timeoutSeconds: _sameAsBefore, ...action } = prober;
      holder[member] = { ...others, ...action };
    }
  }
}

/** The probers that a sidecar has; none where it has none, or what it has is not JSON of objects. */
export function readProbers(proxy: Container | undefined): AppProbers {
  const text = proxy?.env?.find(({ name }) => name === probersVariable)?.value;
  try {
    const probers: unknown = JSON.parse(text ?? '{}');
    if (isJsonObject(probers) && Object.values(probers).every(isJsonObject)) return probers as AppProbers;
  } catch {
    // What somebody else wrote there is replaced.
  }
  return {};
}

/** Puts a variable into a container, or takes it away (`null`). */
export function setVariable(container: Container, name: string, value: string | null): void {
  const env = container.env ?? [];
  const at = env.findIndex((one) => one.name === name);
  if (value === null) container.env = env.filter((one) => one.name !== name);
  else if (at < 0) container.env = [...env, { name, value }];
  else container.env = env.with(at, { name, value });
}

/** Names in order: the same pod has the same text, whatever order its containers have. */
function encodeProbers(probers: AppProbers): string {
  return JSON.stringify(Object.fromEntries(Object.entries(probers).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function handlersOf(container: Container): (readonly [holder: JsonObject, member: string, path: string])[] {
  const { lifecycle } = container;
  return [
    ...places.map(({ member, path }) => [container, member, path(container.name)] as const),
    ...(isJsonObject(lifecycle)
      ? hooks.map(({ member, path }) => [lifecycle, member, path(container.name)] as const)
      : []),
  ];
}

function isOurs(handler: Handler, path: string): boolean {
  return handler.httpGet?.['path'] === path;
}

/** `stays`: runs in the container, or calls another host. Null: of a named port that is not there. */
function toProber(handler: Handler, container: Container): Prober | 'stays' | null {
  const { httpGet, tcpSocket, grpc, timeoutSeconds } = handler as Handler & { timeoutSeconds?: number };
  const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds };
  const action = httpGet ?? tcpSocket;
  if (isJsonObject(action)) {
    if (action['host'] !== undefined && action['host'] !== '') return 'stays';
    const port = toPort(action['port'], container);
    if (port === null) return null;
    return httpGet === undefined
      ? { tcpSocket: { ...action, port }, ...timeout }
      : { httpGet: { ...action, port }, ...timeout };
  }
  return isJsonObject(grpc) ? { grpc: { ...grpc }, ...timeout } : 'stays';
}

/** Named ports are those of the container itself (the kubelet looks nowhere else). */
function toPort(port: unknown, { ports = [] }: Container): number | null {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name !== undefined && name === port)?.containerPort;
  return named ?? (typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : null);
}

function portOf({ httpGet, tcpSocket, grpc }: Prober): number {
  return Number((httpGet ?? tcpSocket ?? grpc)?.['port']);
}

function rewritten(handler: Handler, path: string, port: number): Handler {
  const { httpGet, tcpSocket: _tcp, grpc: _grpc, ...others } = handler;
  const scheme = httpGet?.['scheme'] === 'HTTPS' ? { scheme: 'HTTP' } : {};
  return { ...others, httpGet: { ...httpGet, path, port, ...scheme } };
}

/** Probes of ports that are not captured reach the application by themselves. */
function capturedPorts(pod: Pod): (port: number) => boolean {
  const included = annotation(pod, 'traffic.sidecar.istio.io/includeInboundPorts') ?? '';
  const excluded = listOf(annotation(pod, 'traffic.sidecar.istio.io/excludeInboundPorts') ?? '').map(Number);
  if (included !== '' && included !== '*') {
    const ports = listOf(included).map(Number);
    return (port) => ports.includes(port);
  }
  return (port) => !excluded.includes(port);
}
