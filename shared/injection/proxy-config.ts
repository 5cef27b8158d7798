import { parse } from 'yaml';
import { parseDurationMs } from '../model/duration.ts';
import { fail, ok, problem, warning, type Problem, type Result } from '../runtime/result.ts';
import { interceptionModes, type InterceptionMode } from './annotation-values.ts';
import { isJsonObject, type JsonObject } from './pod.ts';

/** Settings of one proxy, from Istio's ProxyConfig (mesh/v1alpha1/proxy.proto): the mesh's `defaultConfig`, and a pod's annotation over it. */
export type ProxyConfig = Readonly<{
  /** HOST:PORT of the control plane. */
  discoveryAddress?: string;
  /** Threads; 0: as many as the container may use processors. */
  concurrency?: number;
  /** How long the proxy goes on after SIGTERM; duration text. */
  terminationDrainDuration?: string;
  holdApplicationUntilProxyStarts?: boolean;
  interceptionMode?: InterceptionMode;
  statusPort?: number;
  meshId?: string;
  image?: Readonly<{ imageType?: string }>;
  proxyMetadata?: Readonly<Record<string, string>>;
}>;

type Check = (value: unknown) => string | null;

const isText = (value: unknown) => typeof value === 'string';
const isCount = (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value >= 0;

/** What is honoured: null, or what would be right. */
const checks: Readonly<Record<keyof ProxyConfig, Check>> = {
  discoveryAddress: (value) =>
    isText(value) && /^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:.]+\]:\d{1,5}$/.test(value) ? null : 'must be HOST:PORT',
  concurrency: (value) => (isCount(value) ? null : 'must be a whole number, not negative'),
  terminationDrainDuration: (value) =>
    isText(value) && (parseDurationMs(value) ?? -1) >= 0 ? null : 'must be a duration, such as 20s',
  holdApplicationUntilProxyStarts: (value) => (typeof value === 'boolean' ? null : 'must be true or false'),
  interceptionMode: (value) =>
    interceptionModes.some((mode) => mode === value) ? null : `must be one of ${interceptionModes.join(', ')}`,
  statusPort: (value) => (isCount(value) && Number(value) <= 65_535 ? null : 'must be a port'),
  meshId: (value) => (isText(value) ? null : 'must be a text'),
  image: (value) =>
    isJsonObject(value) && Object.entries(value).every(([name, type]) => name === 'imageType' && isText(type))
      ? null
      : 'must be an object with imageType',
  proxyMetadata: (value) =>
    isJsonObject(value) && Object.values(value).every(isText) ? null : 'must be a map of texts',
};

/** What Istio knows and Tulle does not honour. */
const notHonoured = new Set(
  `availabilityZone binaryPath caCertificatesPem configPath controlPlaneAuthPolicy customConfigFile discoveryRefreshDelay drainDuration
  envoyAccessLogService envoyMetricsService extraStatTags fileFlushInterval fileFlushMinSizeKb gatewayTopology parentShutdownDuration
  privateKeyProvider proxyAdminPort proxyBootstrapTemplatePath proxyHeaders proxyStatsMatcher readinessProbe runtimeValues sds
  serviceCluster statNameLength statsCompression statsdUdpAddress tracing tracingServiceName zipkinAddress`.split(
    /\s+/,
  ),
);
const notHonouredCode = 'TUL0103';

/** The fields of a mesh's `defaultConfig` that are honoured. */
export const honouredProxyFields: readonly string[] = Object.keys(checks);

/** Reads the annotation `proxy.istio.io/config`: YAML or JSON. Paths begin with `path`. */
export function parseProxyConfigText(text: string, path: string): Result<ProxyConfig> {
  try {
    return parseProxyConfig(parse(text, { uniqueKeys: true, maxAliasCount: 0 }), path);
  } catch (error) {
    return fail([
      problem(path, `is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`),
    ]);
  }
}

/** Reads a ProxyConfig. A field that Istio has and Tulle does not honour is a warning, one that nobody knows an error. */
export function parseProxyConfig(value: unknown, path: string): Result<ProxyConfig> {
  if (value === null || value === undefined) return ok({});
  if (!isJsonObject(value)) return fail([problem(path, 'must be an object: a ProxyConfig')]);
  const problems = Object.entries(value).flatMap(([name, member]) => judge(name, member, `${path}: ${name}`));
  if (problems.some(({ severity }) => severity === 'error')) return fail(problems);
  const known = Object.entries(value).filter(([name, member]) => name in checks && member !== null);
  return ok(Object.fromEntries(known) as ProxyConfig, problems);
}

/** A pod's settings over those of the mesh, as Istio merges them: metadata by name, all else as a whole. */
export function mergeProxyConfig(mesh: ProxyConfig, own: ProxyConfig): ProxyConfig {
  const proxyMetadata = { ...mesh.proxyMetadata, ...own.proxyMetadata };
  const merged: JsonObject = { ...mesh, ...own };
  return Object.keys(proxyMetadata).length === 0 ? merged : { ...merged, proxyMetadata };
}

function judge(name: string, value: unknown, path: string): Problem[] {
  if (notHonoured.has(name)) return [warning(path, 'is not honoured', notHonouredCode)];
  if (!Object.hasOwn(checks, name)) return [problem(path, 'is no field of ProxyConfig')];
  const right = value === null ? null : checks[name as keyof ProxyConfig](value);
  return right === null ? [] : [problem(path, `${JSON.stringify(value)} is not valid, ${right}`)];
}
