/** What the kubelet asked the application before its probes were turned to the status port. */
import { problem, type Problem } from '#shared/runtime/result.ts';
import { isObject, jsonObject } from './values.ts';

/** One probe or hook. Times in milliseconds. */
export type AppProber = Readonly<{ timeoutMs: number }> &
  (
    | Readonly<{
        kind: 'http';
        port: number;
        /** With its query. */
        path: string;
        isTls: boolean;
        /** Added where the caller does not send them. */
        headers: readonly (readonly [name: string, value: string])[];
      }>
    | Readonly<{ kind: 'tcp'; port: number }>
    | Readonly<{ kind: 'grpc'; port: number; service: string }>
  );

/** By the path on the status port. */
export type AppProbers = ReadonlyMap<string, AppProber>;

const variable = 'ISTIO_KUBE_APP_PROBERS';
/** As Istio's agent has it (pilot/cmd/pilot-agent/status/server.go). */
const pathPattern = /^\/(?:app-health|app-lifecycle)\/[^/]+\/(?:livez|readyz|startupz|prestopz|poststartz)$/;

/** Reads `ISTIO_KUBE_APP_PROBERS`: `{"/app-health/app/readyz": {"httpGet": {"path": "/", "port": 80}, "timeoutSeconds": 1}}`. */
export function parseAppProbers(text: string | undefined, problems: Problem[]): AppProbers {
  const probers = new Map<string, AppProber>();
  for (const [path, declared] of Object.entries(jsonObject(variable, text, problems) ?? {})) {
    const where = `${variable}[${path}]`;
    if (!pathPattern.test(path)) problems.push(problem(where, 'is not a path of the status port'));
    const prober = parseProber(where, declared, problems);
    if (prober !== null) probers.set(path, prober);
  }
  return probers;
}

function parseProber(where: string, declared: unknown, problems: Problem[]): AppProber | null {
  const { httpGet, tcpSocket, grpc, timeoutSeconds } = isObject(declared) ? declared : {};
  const kinds = [httpGet, tcpSocket, grpc].filter((kind) => kind !== undefined && kind !== null);
  const [kind] = kinds;
  if (kinds.length !== 1 || !isObject(kind)) {
    problems.push(problem(where, 'is to have one of httpGet, tcpSocket, grpc'));
    return null;
  }
  const { port } = kind;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    problems.push(problem(`${where}.port`, 'is not the number of a port'));
    return null;
  }
  // The kubelet's default.
  const timeoutMs = (typeof timeoutSeconds === 'number' && timeoutSeconds > 0 ? timeoutSeconds : 1) * 1000;
  if (kind === tcpSocket) return { kind: 'tcp', port, timeoutMs };
  if (kind === grpc)
    return { kind: 'grpc', port, timeoutMs, service: typeof kind['service'] === 'string' ? kind['service'] : '' };
  const { path, scheme, httpHeaders } = kind;
  const text = typeof path === 'string' ? path : '';
  return {
    kind: 'http',
    port,
    path: text.startsWith('/') ? text : `/${text}`,
    isTls: scheme === 'HTTPS',
    headers: Array.isArray(httpHeaders) ? httpHeaders.flatMap((header) => headerOf(where, header, problems)) : [],
    timeoutMs,
  };
}

function headerOf(where: string, header: unknown, problems: Problem[]): [string, string][] {
  const { name, value = '' } = isObject(header) ? header : {};
  if (typeof name === 'string' && typeof value === 'string') return [[name, value]];
  problems.push(problem(`${where}.httpHeaders`, 'is to have name and value'));
  return [];
}
