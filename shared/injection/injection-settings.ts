import { controlPlaneAddress, sidecarPorts } from '../kubernetes/names.ts';
import type { LabelSelector } from '../model/label-selector.ts';
import type { JsonObject, PodFragment } from './pod.ts';
import type { ProxyConfig } from './proxy-config.ts';

/**
 * How pods are injected, mesh-wide: the ConfigMap `tulle-injector` (or `meshctl inject --injector-config`) and what the MeshConfig says of
 * proxies. Names are those of Istio's injector and of its chart's `global.proxy`, where it has them. Read by
 * {@link file://./parse-settings.ts}.
 */
export type InjectionSettings = Readonly<{
  /** Whether pods that say nothing are injected. */
  policy: 'enabled' | 'disabled';
  /** Which revision of the control plane this is. */
  revision: string;
  /** Templates of a pod that names none. */
  defaultTemplates: readonly string[];
  /** Templates beside the built-in ones, by name. */
  templates: Readonly<Record<string, PodFragment>>;
  /** Names that stand for several templates. */
  aliases: Readonly<Record<string, readonly string[]>>;
  neverInjectSelector: readonly LabelSelector[];
  alwaysInjectSelector: readonly LabelSelector[];
  /** Annotations that every injected pod gets. */
  injectedAnnotations: Readonly<Record<string, string>>;
  /** Image of the sidecar and of the capture. */
  image: string;
  /** Empty: as Kubernetes decides. */
  imagePullPolicy: string;
  imagePullSecrets: readonly string[];
  /** HOST:PORT. */
  controlPlane: string;
  /** Whether sidecars are restartable init containers; `auto`: where every node runs them. */
  nativeSidecars: 'auto' | boolean;
  clusterId: string;
  network: string;
  /** Empty: the trust domain. */
  meshId: string;
  /** On OpenShift the user id comes from the range of the namespace. */
  platform: '' | 'openshift';
  podDnsSearchNamespaces: readonly string[];
  proxy: ProxySettings;
  mesh: InjectionMesh;
}>;

/** What every sidecar gets, unless its pod says otherwise. */
export type ProxySettings = Readonly<{
  resources: JsonObject;
  logLevel: string;
  includeInboundPorts: string;
  excludeInboundPorts: string;
  includeOutboundPorts: string;
  excludeOutboundPorts: string;
  includeIPRanges: string;
  excludeIPRanges: string;
  /** 0: without readiness, and probes stay as they are. */
  statusPort: number;
  readinessInitialDelaySeconds: number;
  readinessPeriodSeconds: number;
  readinessFailureThreshold: number;
  startupFailureThreshold: number;
  rewriteAppHTTPProbe: boolean;
  /** Null: as the mesh's ProxyConfig says, else true (false under `compat: istio`). */
  holdApplicationUntilProxyStarts: boolean | null;
}>;

/** What the MeshConfig says that injection needs. */
export type InjectionMesh = Readonly<{
  trustDomain: string;
  enablePrometheusMerge: boolean;
  defaultConfig: ProxyConfig;
}>;

/** What holds without any file; the image is the caller's to say. Resources and readiness are those of Istio's chart. */
export function defaultInjectionSettings(image: string): InjectionSettings {
  return {
    policy: 'enabled',
    revision: 'default',
    defaultTemplates: ['sidecar'],
    templates: {},
    aliases: {},
    neverInjectSelector: [],
    alwaysInjectSelector: [],
    injectedAnnotations: {},
    image,
    imagePullPolicy: '',
    imagePullSecrets: [],
    controlPlane: controlPlaneAddress,
    nativeSidecars: 'auto',
    clusterId: 'Kubernetes',
    network: '',
    meshId: '',
    platform: '',
    podDnsSearchNamespaces: [],
    proxy: {
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
      logLevel: 'info',
      includeInboundPorts: '*',
      excludeInboundPorts: '',
      includeOutboundPorts: '',
      excludeOutboundPorts: '',
      includeIPRanges: '*',
      excludeIPRanges: '',
      statusPort: sidecarPorts.status,
      readinessInitialDelaySeconds: 0,
      readinessPeriodSeconds: 15,
      readinessFailureThreshold: 4,
      startupFailureThreshold: 600,
      rewriteAppHTTPProbe: true,
      holdApplicationUntilProxyStarts: null,
    },
    mesh: { trustDomain: 'cluster.local', enablePrometheusMerge: true, defaultConfig: {} },
  };
}
