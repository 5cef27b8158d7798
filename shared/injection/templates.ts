import { annotationsOf, isJsonObject, labelsOf, type Container, type Pod, type PodFragment } from './pod.ts';
import type { InjectionSettings } from './injection-settings.ts';
import type { PodOptions } from './pod-options.ts';
import { appContainers } from './proxy-environment.ts';
import { renderTemplate } from './custom-template.ts';
import { captureContainer, proxyContainer } from './sidecar-containers.ts';
import { sidecarVolumes, userVolumes } from './sidecar-volumes.ts';
import { isBuiltIn, type BuiltInTemplate } from './template-names.ts';

/**
 * What each template adds to a pod. The names and what they are for are Istio's
 * (charts/istio-control/istio-discovery/files/{injection-template,gateway-injection-template,grpc-simple,grpc-agent}.yaml).
 */
export function renderNamed(name: string, pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  const own = settings.templates[name];
  if (own !== undefined) return renderTemplate(own, pod, options, settings);
  return isBuiltIn(name) ? renderBuiltIn(name, pod, options, settings) : {};
}

/** What is not as it is in Istio, in words. */
export function doubtsOfTemplates({ templates }: PodOptions): string[] {
  return templates.flatMap((name) => {
    if (name === 'gateway')
      return [
        'template gateway: listeners of a Gateway are not served, the sidecar has its metrics and readiness alone',
      ];
    if (name === 'grpc-agent')
      return ['template grpc-agent: gRPC without a proxy gets its configuration, but no workload certificate'];
    return [];
  });
}

function renderBuiltIn(name: BuiltInTemplate, pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  switch (name) {
    case 'sidecar':
      return sidecar(pod, options, settings);
    case 'gateway':
      return gateway(pod, options, settings);
    case 'grpc-simple':
      return proxyless(pod, options, settings);
    case 'grpc-agent':
      return grpcAgent(pod, options, settings);
  }
}

function sidecar(pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  const proxy = proxyContainer(pod, options, settings);
  const capture = captureContainer(options, settings);
  const first = [...(capture === null ? [] : [capture]), ...(options.isNative ? [proxy] : [])];
  return {
    metadata: metadata(pod, options, settings, {
      'security.istio.io/tlsMode': labelsOf(pod)['security.istio.io/tlsMode'] ?? 'istio',
    }),
    spec: {
      ...(first.length === 0 ? {} : { initContainers: first }),
      ...(options.isNative ? {} : { containers: [proxy] }),
      volumes: [...sidecarVolumes, ...userVolumes(pod)],
      ...extras(settings),
    },
  };
}

/** A proxy by itself: nothing of its pod is captured, and nothing waits for it. */
function gateway(pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  const alone: PodOptions = { ...options, mode: 'NONE', isNative: false, isHeld: false };
  return {
    metadata: metadata(pod, options, settings, {}),
    spec: {
      containers: [proxyContainer(pod, alone, settings)],
      volumes: [...sidecarVolumes, ...userVolumes(pod)],
      ...extras(settings),
    },
  };
}

/** gRPC speaks xDS itself: each container is told where from, and who it is (gRFC A27, `GRPC_XDS_BOOTSTRAP_CONFIG`). */
function proxyless(pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  const [host = ''] = options.controlPlane.split(/:\d+$/);
  const bootstrap = {
    xds_servers: [
      { server_uri: `dns:///${host}:15010`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    node: {
      id: `sidecar~$(INSTANCE_IP)~$(POD_NAME).$(POD_NAMESPACE)~${options.namespace}.svc.${settings.mesh.trustDomain}`,
      metadata: { GENERATOR: 'grpc' },
    },
  };
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  const env = [
    field('INSTANCE_IP', 'status.podIP'),
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    { name: 'GRPC_XDS_BOOTSTRAP_CONFIG', value: JSON.stringify(bootstrap) },
  ];
  return { spec: { containers: appContainers(pod).map((name): Container => ({ name, env: structuredClone(env) })) } };
}

/** Proxyless, with a sidecar beside for probes and metrics. */
function grpcAgent(pod: Pod, options: PodOptions, settings: InjectionSettings): PodFragment {
  const own = sidecar(pod, { ...options, mode: 'NONE' }, settings);
  const { spec } = proxyless(pod, options, settings);
  return { ...own, spec: { ...own.spec, containers: [...(spec?.containers ?? []), ...(own.spec?.containers ?? [])] } };
}

function metadata(
  pod: Pod,
  { workload, network }: PodOptions,
  { revision, injectedAnnotations }: InjectionSettings,
  labels: Readonly<Record<string, string>>,
): NonNullable<PodFragment['metadata']> {
  const given = labelsOf(pod);
  const [app] = appContainers(pod);
  const defaults = ['kubectl.kubernetes.io/default-container', 'kubectl.kubernetes.io/default-logs-container'];
  return {
    labels: {
      ...labels,
      'service.istio.io/canonical-name': canonicalName(given, workload.name),
      'service.istio.io/canonical-revision':
        firstOf(given, 'service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
      ...(network === '' ? {} : { 'topology.istio.io/network': network }),
    },
    annotations: {
      'istio.io/rev': revision,
      ...(app === undefined ? {} : Object.fromEntries(defaults.map((name) => [name, annotationsOf(pod)[name] ?? app]))),
      ...injectedAnnotations,
    },
  };
}

const maxLabelLength = 63;

/** The service that a workload's metrics are told by; a label has 63 characters at most, and ends with none of `-`. */
function canonicalName(labels: Readonly<Record<string, string>>, workload: string): string {
  const name = firstOf(labels, 'service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? workload;
  return name.slice(0, maxLabelLength).replace(/[-_.]+$/, '');
}

function firstOf(labels: Readonly<Record<string, string>>, ...names: readonly string[]): string | undefined {
  return names.map((name) => labels[name]).find((value) => value !== undefined && value !== '');
}

function extras({ imagePullSecrets }: InjectionSettings): NonNullable<PodFragment['spec']> {
  return imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) };
}

/** Domains that the pod looks names up in, after its own. */
export function addSearchDomains(pod: Pod, domains: readonly string[]): void {
  if (domains.length === 0) return;
  const given = isJsonObject(pod.spec['dnsConfig']) ? pod.spec['dnsConfig'] : {};
  const own: unknown[] = Array.isArray(given['searches']) ? given['searches'] : [];
  pod.spec['dnsConfig'] = { ...given, searches: [...new Set([...own, ...domains])] };
}
