import { containerNames, sidecarPorts } from '../kubernetes/names.ts';
import type { InjectionSettings } from './injection-settings.ts';
import type { Container, JsonObject, Pod } from './pod.ts';
import type { PodOptions } from './pod-options.ts';
import { proxyEnvironment, withMetadata } from './proxy-environment.ts';
import { sidecarMounts, userMounts } from './sidecar-volumes.ts';
import { captureFlags } from './traffic.ts';

const readinessPath = '/healthz/ready';
const probeTimeoutSeconds = 3;

/** The sidecar of a pod. `mode` is how it gets its traffic: a gateway's or a proxyless application's sidecar captures none. */
export function proxyContainer(pod: Pod, options: PodOptions, settings: InjectionSettings): Container {
  const { isNative, statusPort } = options;
  return {
    name: containerNames.proxy,
    image: options.image,
    ...pullPolicy(settings),
    args: proxyArguments(options),
    env: proxyEnvironment(pod, options, settings),
    ports: [{ containerPort: sidecarPorts.metrics, protocol: 'TCP', name: 'http-envoy-prom' }],
    ...(isNative ? { restartPolicy: 'Always' } : {}),
    ...lifecycle(options),
    ...(statusPort === 0 ? {} : probes(options, settings)),
    resources: options.resources,
    securityContext: proxySecurity(options),
    volumeMounts: [...sidecarMounts, ...userMounts(pod)],
  };
}

/** The init container that lets the kernel send a pod's traffic through its sidecar; null where nothing is captured. */
export function captureContainer(options: PodOptions, settings: InjectionSettings): Container | null {
  if (options.mode === 'NONE') return null;
  const metadata = withMetadata([], options.proxyConfig.proxyMetadata ?? {});
  return {
    name: containerNames.capture,
    image: options.image,
    ...pullPolicy(settings),
    command: ['meshctl', 'capture', 'apply'],
    args: captureFlags(options.traffic, options.mode, options.ids),
    ...(metadata.length === 0 ? {} : { env: metadata }),
    resources: options.resources,
    // Rules of the kernel are root's to change; the lock of iptables is a file.
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      readOnlyRootFilesystem: false,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  };
}

function proxyArguments({
  controlPlane,
  mode,
  drainSeconds,
  terminationSeconds,
  logLevel,
  concurrency,
  statusPort,
}: PodOptions): string[] {
  return [
    '--pod',
    '--control-plane',
    controlPlane,
    '--interception',
    mode,
    '--termination-seconds',
    String(terminationSeconds),
    ...(drainSeconds === null ? [] : ['--drain-seconds', String(drainSeconds)]),
    '--log-level',
    logLevel,
    ...(concurrency === null ? [] : ['--concurrency', String(concurrency)]),
    ...(statusPort === sidecarPorts.status || statusPort === 0 ? [] : ['--status', `0.0.0.0:${statusPort}`]),
  ];
}

/**
 * Native: the kubelet starts the next container when the startup probe holds, and stops the sidecar after all others; the hook lets it
 * drain from the first moment. Classic: a hook after the start of the first container holds those after it.
 */
function lifecycle({ isNative, isHeld }: PodOptions): Pick<Container, 'lifecycle'> {
  const run = (verb: string) => ({ exec: { command: ['tulle-sidecar', verb] } });
  if (isNative) return { lifecycle: { preStop: run('drain') } };
  return isHeld ? { lifecycle: { postStart: run('wait') } } : {};
}

function probes(
  { readiness }: PodOptions,
  { proxy }: InjectionSettings,
): Pick<Container, 'readinessProbe' | 'startupProbe'> {
  const { initialDelaySeconds, periodSeconds, failureThreshold } = readiness;
  const ready = { httpGet: { path: readinessPath, port: sidecarPorts.readiness }, timeoutSeconds: probeTimeoutSeconds };
  return {
    startupProbe: { ...ready, periodSeconds: 1, failureThreshold: proxy.startupFailureThreshold },
    readinessProbe: {
      ...ready,
      ...(initialDelaySeconds === 0 ? {} : { initialDelaySeconds }),
      periodSeconds,
      failureThreshold,
    },
  };
}

/** Only root can keep a capability: with TPROXY, or for low ports, the sidecar is root and has nothing else of it. */
function proxySecurity({ mode, bindsLowPorts, ids }: PodOptions): JsonObject {
  const add = [...(mode === 'TPROXY' ? ['NET_ADMIN'] : []), ...(bindsLowPorts ? ['NET_BIND_SERVICE'] : [])];
  const isRoot = add.length > 0;
  return {
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { ...(isRoot ? { add } : {}), drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    runAsGroup: ids.group,
    runAsNonRoot: !isRoot,
    runAsUser: isRoot ? 0 : ids.user,
  };
}

function pullPolicy({ imagePullPolicy }: InjectionSettings): JsonObject {
  return imagePullPolicy === '' ? {} : { imagePullPolicy };
}
