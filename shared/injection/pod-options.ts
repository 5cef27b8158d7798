import { sidecarPorts, sidecarUser } from '../kubernetes/names.ts';
import { parseDurationMs } from '../model/duration.ts';
import { parseQuantity } from '../model/quantity.ts';
import { problem, type Problem } from '../runtime/result.ts';
import { annotation, annotationName } from './annotations.ts';
import { interceptionModes, listOf, logLevels, parseFlag, type InterceptionMode } from './annotation-values.ts';
import type { InjectionFacts } from './facts.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { knownTemplates } from './parse-settings.ts';
import { findContainer, isJsonObject, labelsOf, type JsonObject, type Pod } from './pod.ts';
import { mergeProxyConfig, parseProxyConfigText, type ProxyConfig } from './proxy-config.ts';
import { readTraffic, type Traffic } from './traffic.ts';
import { proxyIds, type ProxyIds } from './user-ids.ts';
import { workloadOf, type Workload } from './workload.ts';

/** What is injected into one pod: the settings of the mesh, and what the pod says of itself over them. */
export type PodOptions = Readonly<{
  namespace: string;
  workload: Workload;
  templates: readonly string[];
  /** Whether the sidecar is a restartable init container. */
  isNative: boolean;
  /** Whether the application of a classic sidecar waits until it is ready. */
  isHeld: boolean;
  mode: InterceptionMode;
  image: string;
  controlPlane: string;
  logLevel: string;
  /** Null: as the sidecar decides. */
  concurrency: number | null;
  /** How long it takes new connections once it is to end; null: as the sidecar does. */
  drainSeconds: number | null;
  /** The grace period of the pod: before its end the sidecar has ended. */
  terminationSeconds: number;
  resources: JsonObject;
  /** 0: none. */
  statusPort: number;
  readiness: Readonly<{ initialDelaySeconds: number; periodSeconds: number; failureThreshold: number }>;
  rewritesProbes: boolean;
  mergesMetrics: boolean;
  bindsLowPorts: boolean;
  network: string;
  meshId: string;
  ids: ProxyIds;
  traffic: Traffic;
  /** The pod's ProxyConfig over the mesh's. */
  proxyConfig: ProxyConfig;
}>;

/** The sidecar is killed at the end of the grace period: it ends this much earlier. */
const endsBeforeKillSeconds = 2;
/** The sidecar's own time to drain. */
const ownDrainSeconds = 5;
const defaultGraceSeconds = 30;

/** Reads a pod's annotations, which were checked before; what else is wrong goes into `problems`. */
export function readPodOptions(
  pod: Pod,
  facts: InjectionFacts,
  settings: InjectionSettings,
  problems: Problem[],
): PodOptions {
  const { proxy, mesh } = settings;
  const flag = (name: string) => parseFlag(annotation(pod, name) ?? '');
  const own = readProxyConfig(pod, problems);
  const proxyConfig = mergeProxyConfig(mesh.defaultConfig, own);
  const mode = readMode(pod, proxyConfig);
  const resources = readResources(pod, settings);
  const statusPort = numberOf(pod, 'status.sidecar.istio.io/port', proxyConfig.statusPort ?? proxy.statusPort);
  const ids = proxyIds(pod, { facts, settings, mode });
  return {
    namespace: facts.namespace,
    workload: facts.owner ?? workloadOf(pod),
    templates: readTemplateNames(pod, settings, problems),
    isNative: isNative(pod, facts, settings),
    isHeld: isHeld(own, settings),
    mode,
    image: readImage(pod, settings, proxyConfig),
    controlPlane: proxyConfig.discoveryAddress ?? settings.controlPlane,
    logLevel: logLevels[annotation(pod, 'sidecar.istio.io/logLevel') ?? proxy.logLevel] ?? 'info',
    concurrency: readConcurrency(proxyConfig, resources),
    drainSeconds: readDrainSeconds(pod, proxyConfig),
    terminationSeconds: graceOf(pod),
    resources,
    statusPort,
    readiness: readReadiness(pod, settings),
    rewritesProbes: statusPort !== 0 && (flag('sidecar.istio.io/rewriteAppHTTPProbers') ?? proxy.rewriteAppHTTPProbe),
    mergesMetrics: statusPort !== 0 && (flag('prometheus.istio.io/merge-metrics') ?? mesh.enablePrometheusMerge),
    bindsLowPorts: flag('sidecar.istio.io/capNetBindService') ?? false,
    network: labelsOf(pod)['topology.istio.io/network'] ?? settings.network,
    meshId: settings.meshId || (proxyConfig.meshId ?? mesh.trustDomain),
    ids,
    traffic: readTraffic(pod, { proxy, statusPort, metadata: proxyConfig.proxyMetadata ?? {} }),
    proxyConfig,
  };
}

const numberOf = (pod: Pod, name: string, fallback: number) => Number(annotation(pod, name) ?? fallback);

function readReadiness(pod: Pod, { proxy }: InjectionSettings): PodOptions['readiness'] {
  const number = (name: string, fallback: number) =>
    numberOf(pod, `readiness.status.sidecar.istio.io/${name}`, fallback);
  return {
    initialDelaySeconds: number('initialDelaySeconds', proxy.readinessInitialDelaySeconds),
    periodSeconds: number('periodSeconds', proxy.readinessPeriodSeconds),
    failureThreshold: number('failureThreshold', proxy.readinessFailureThreshold),
  };
}

/** What the pod says, else the injector's settings, else the mesh's. By default it is held, which Istio does only when asked. */
function isHeld(own: ProxyConfig, { proxy, mesh }: InjectionSettings): boolean {
  const { holdApplicationUntilProxyStarts, proxyMetadata } = mesh.defaultConfig;
  const compat = own.proxyMetadata?.['TULLE_COMPAT'] ?? proxyMetadata?.['TULLE_COMPAT'];
  return (
    own.holdApplicationUntilProxyStarts ??
    proxy.holdApplicationUntilProxyStarts ??
    holdApplicationUntilProxyStarts ??
    compat !== 'istio'
  );
}

function readProxyConfig(pod: Pod, problems: Problem[]): ProxyConfig {
  const text = annotation(pod, 'proxy.istio.io/config');
  if (text === undefined) return {};
  const config = parseProxyConfigText(text, annotationName(pod, 'proxy.istio.io/config'));
  problems.push(...(config.ok ? config.warnings : config.problems));
  return config.ok ? config.value : {};
}

function readMode(pod: Pod, proxyConfig: ProxyConfig): InterceptionMode {
  const wanted = annotation(pod, 'sidecar.istio.io/interceptionMode') ?? proxyConfig.interceptionMode;
  return interceptionModes.find((mode) => mode === wanted) ?? 'REDIRECT';
}

function readTemplateNames(pod: Pod, settings: InjectionSettings, problems: Problem[]): string[] {
  const text = annotation(pod, 'inject.istio.io/templates');
  const names = text === undefined ? settings.defaultTemplates : listOf(text);
  const known = knownTemplates(settings);
  for (const name of names) {
    if (known.includes(name)) continue;
    const message = `there is no template ${JSON.stringify(name)}, there are ${known.join(', ')}`;
    problems.push(problem(annotationName(pod, 'inject.istio.io/templates'), message));
  }
  return [...new Set(names.flatMap((name) => settings.aliases[name] ?? [name]))];
}

/** A pod must have a container beside its init containers: one that has the sidecar alone keeps it there. */
function isNative(pod: Pod, { takesNativeSidecars }: InjectionFacts, { nativeSidecars }: InjectionSettings): boolean {
  const wanted = parseFlag(annotation(pod, 'sidecar.istio.io/nativeSidecar') ?? '');
  const isWanted = wanted ?? (nativeSidecars === 'auto' ? takesNativeSidecars : nativeSidecars);
  return isWanted && (pod.spec.containers ?? []).some(({ name }) => name !== 'istio-proxy');
}

/** As Istio's `ProxyImage`: an image named by the pod, or the mesh's with another suffix of its tag. */
function readImage(pod: Pod, { image }: InjectionSettings, proxyConfig: ProxyConfig): string {
  const named = annotation(pod, 'sidecar.istio.io/proxyImage');
  if (named !== undefined) return named;
  const type = annotation(pod, 'sidecar.istio.io/proxyImageType') ?? proxyConfig.image?.imageType ?? '';
  if (type === '') return image;
  const plain = image.replace(/-(distroless|debug)$/, '');
  return type === 'default' ? plain : `${plain}-${type}`;
}

/** One annotation of resources replaces all of the mesh's, as in Istio's template. */
function readResources(pod: Pod, { proxy }: InjectionSettings): JsonObject {
  const quantities = (cpu: string, memory: string) =>
    Object.entries({ cpu: annotation(pod, cpu), memory: annotation(pod, memory) }).filter(
      ([, value]) => value !== undefined,
    );
  const requests = quantities('sidecar.istio.io/proxyCPU', 'sidecar.istio.io/proxyMemory');
  const limits = quantities('sidecar.istio.io/proxyCPULimit', 'sidecar.istio.io/proxyMemoryLimit');
  if (requests.length + limits.length === 0) return structuredClone(proxy.resources);
  return {
    ...(requests.length === 0 ? {} : { requests: Object.fromEntries(requests) }),
    ...(limits.length === 0 ? {} : { limits: Object.fromEntries(limits) }),
  };
}

/** 0 is as many threads as there may be used processors: those of the limit, else of the request (Istio's applyConcurrency). */
function readConcurrency({ concurrency }: ProxyConfig, resources: JsonObject): number | null {
  if (concurrency !== 0) return concurrency ?? null;
  for (const kind of ['limits', 'requests']) {
    const of = resources[kind];
    const cpu = isJsonObject(of) ? of['cpu'] : undefined;
    const cores = typeof cpu === 'string' || typeof cpu === 'number' ? Math.ceil(parseQuantity(cpu) ?? 0) : 0;
    if (cores > 0) return cores;
  }
  return 0;
}

const graceOf = (pod: Pod) => pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;

/** What ProxyConfig says, as far as the grace period allows; of a short grace period what there is of it. */
function readDrainSeconds(pod: Pod, { terminationDrainDuration }: ProxyConfig): number | null {
  const most = Math.max(graceOf(pod) - endsBeforeKillSeconds, 0);
  const wanted = terminationDrainDuration === undefined ? null : parseDurationMs(terminationDrainDuration);
  if (wanted !== null) return Math.min(Math.ceil(wanted / 1000), most);
  return most < ownDrainSeconds ? most : null;
}

/** Ports of the sidecar that a container of a pod may not have. */
export function reservedPorts({ statusPort }: Pick<PodOptions, 'statusPort'>): number[] {
  const { admin, outbound, inbound, readiness, dns, metrics } = sidecarPorts;
  return [admin, outbound, inbound, readiness, dns, metrics, ...(statusPort === 0 ? [] : [statusPort])];
}

/** What a pod has that does not go with a sidecar, in words. */
export function doubtsOf(pod: Pod, options: PodOptions): string[] {
  const reserved = reservedPorts(options);
  const doubts: string[] = [];
  for (const { name, ports = [], securityContext } of pod.spec.containers ?? []) {
    if (name === 'istio-proxy') continue;
    for (const { containerPort } of ports) {
      if (containerPort !== undefined && reserved.includes(containerPort))
        doubts.push(`container ${name}: port ${containerPort} is the sidecar's, one of the two cannot listen`);
    }
    if (securityContext?.runAsUser === sidecarUser && options.mode !== 'NONE')
      doubts.push(`container ${name}: runAsUser ${sidecarUser} is the sidecar's, its traffic is not captured`);
  }
  if (pod.spec['dnsPolicy'] === 'Default' || pod.spec['dnsPolicy'] === 'None')
    doubts.push(`dnsPolicy ${pod.spec['dnsPolicy']}: the sidecar may not find ${options.controlPlane}`);
  if (!options.isNative && (options.workload.kind === 'Job' || options.workload.kind === 'CronJob'))
    doubts.push(
      `a Job with a classic sidecar ends only when something calls POST http://127.0.0.1:${options.statusPort || sidecarPorts.status}/quitquitquit`,
    );
  if (
    findContainer(pod, 'istio-proxy') !== undefined &&
    (pod.spec.containers ?? []).length === 1 &&
    options.templates.includes('sidecar')
  )
    doubts.push('the pod has no container beside the sidecar');
  return doubts;
}
