/** What the injector says of the application in the pod. */
import { problem, type Problem } from '#shared/runtime/result.ts';
import { parseAppProbers, type AppProbers } from './app-probers.ts';
import type { Environment } from './node-metadata.ts';
import { isObject, json, jsonObject } from './values.ts';

/** Where the application shows its metrics. */
export type AppScrape = Readonly<{ port: number; path: string }>;

/** The application beside a sidecar. */
export type PodApp = Readonly<{
  /** TCP ports that its containers declare. */
  ports: readonly number[];
  probers: AppProbers;
  /** Null: nobody asked for its metrics. */
  scrape: AppScrape | null;
}>;

/** Ports of the sidecar itself. */
const own = new Set([15_000, 15_001, 15_006, 15_020, 15_021, 15_053, 15_090]);

/** Reads the environment that the injector writes. `statusPort` is ours, where the application's metrics cannot be. */
export function parsePodApp(environment: Environment, statusPort: number, problems: Problem[]): PodApp {
  return {
    ports: parsePorts(environment['ISTIO_META_POD_PORTS'], problems),
    probers: parseAppProbers(environment['ISTIO_KUBE_APP_PROBERS'], problems),
    scrape: parseScrape(environment['ISTIO_PROMETHEUS_ANNOTATIONS'], statusPort, problems),
  };
}

function parsePorts(text: string | undefined, problems: Problem[]): readonly number[] {
  if (text === undefined || text.trim() === '') return [];
  const where = 'ISTIO_META_POD_PORTS';
  const list = json(where, text, problems);
  if (list === undefined) return [];
  if (!Array.isArray(list)) {
    problems.push(problem(where, 'is not a list'));
    return [];
  }
  const ports = list.filter(isObject).filter(({ protocol = 'TCP' }) => protocol === 'TCP' || protocol === '');
  return [...new Set(ports.map(({ containerPort }) => Number(containerPort)))].filter(
    (port) => Number.isInteger(port) && port > 0 && port <= 65_535 && !own.has(port),
  );
}

/** `{"scrape": "true", "path": "/metrics", "port": "80"}`: of a pod's annotations, with Istio's defaults. */
function parseScrape(text: string | undefined, statusPort: number, problems: Problem[]): AppScrape | null {
  const where = 'ISTIO_PROMETHEUS_ANNOTATIONS';
  const annotations = jsonObject(where, text, problems);
  if (annotations === null || String(annotations['scrape']) === 'false') return null;
  const path = String(annotations['path'] || '/metrics');
  const portText = String(annotations['port'] || '80');
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535) {
    problems.push(problem(`${where}.port`, `${portText} is not a port`));
    return null;
  }
  if (port === statusPort) {
    problems.push(problem(`${where}.port`, `${port} is the sidecar's own status port: it would ask itself`));
    return null;
  }
  return { port, path: path.startsWith('/') ? path : `/${path}` };
}
