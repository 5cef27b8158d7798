/**
 * What things are called on Kubernetes: one place for everything that writes, reads or checks them (manifests, injector, control plane,
 * sidecar, meshctl). Names that other tools know are Istio's.
 */

/** Where the control plane lives; also the root namespace of the mesh there. */
export const meshNamespace = 'tulle-system';

/** The control plane's Deployment, Service and ServiceAccount. */
export const controlPlaneName = 'tulle-control-plane';

/** Ports of the control plane's Service; `webhooks` is reached at 443. */
export const controlPlanePorts = { xds: 15012, webhooks: 15017, monitoring: 15014, admin: 8080 } as const;

/** Where sidecars find the control plane. */
export const controlPlaneAddress = `${controlPlaneName}.${meshNamespace}.svc:${controlPlanePorts.xds}`;

/** ConfigMap with the mesh's settings (`mesh`: MeshConfig YAML). */
export const meshConfigMap = { name: 'tulle-mesh', key: 'mesh' } as const;

/** ConfigMap with the injector's settings (`config`: YAML). */
export const injectorConfigMap = { name: 'tulle-injector', key: 'config' } as const;

/** ConfigMap with the root certificate, in every namespace. */
export const rootCertificateConfigMap = { name: 'tulle-ca-root-cert', key: 'root-cert.pem' } as const;

/** Secret with the certificate authority; its keys are those of Istio's `cacerts`. */
export const authoritySecret = {
  name: 'tulle-ca',
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  root: 'root-cert.pem',
  chain: 'cert-chain.pem',
} as const;

/** MutatingWebhookConfiguration and the path that it calls. */
export const injectorWebhook = { name: 'tulle-injector', path: '/inject' } as const;

/** ValidatingWebhookConfiguration and the path that it calls. */
export const validatorWebhook = { name: 'tulle-validator', path: '/validate' } as const;

/** The Lease of the one that writes status and root certificates. */
export const leaderLease = 'tulle-leader';

/** Who wrote a field (server-side apply). */
export const fieldManager = 'tulle';

/** Audience of the tokens that sidecars show. */
export const tokenAudience = 'istio-ca';

/** Our prefix of annotations and labels. Where both are set, ours wins over Istio's. */
export const ownPrefix = 'mesh.tulle.dev/';

/** Labels of a namespace that say whether its pods get a sidecar: `enabled` or `disabled`. */
export const injectionLabels = { own: `${ownPrefix}injection`, istio: 'istio-injection' } as const;

/** Label of a namespace or pod: which revision of the control plane is its own. */
export const revisionLabel = 'istio.io/rev';

/** Label of a pod that says whether it gets a sidecar, before its annotation of the same name. */
export const injectLabel = 'sidecar.istio.io/inject';

/** What was injected (JSON); a pod that has it was injected. */
export const statusAnnotation = 'sidecar.istio.io/status';

/** What the user's containers of our names said before the injection (JSON). */
export const overridesAnnotation = 'proxy.istio.io/overrides';

/** Containers that are injected. */
export const containerNames = { proxy: 'istio-proxy', capture: 'istio-init' } as const;

/** Ports of the sidecar in a pod. */
export const sidecarPorts = {
  admin: 15000,
  outbound: 15001,
  inbound: 15006,
  status: 15020,
  readiness: 15021,
  dns: 15053,
  metrics: 15090,
} as const;

/** The user and group that a sidecar runs as, and that nothing else may. */
export const sidecarUser = 1337;

/** Namespaces of Kubernetes and of the mesh itself: nothing is ever injected or refused there. */
export const systemNamespaces: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease', meshNamespace];

/** The name of an annotation or label with our prefix: `sidecar.istio.io/inject` is `mesh.tulle.dev/inject`. */
export function ownName(istioName: string): string {
  return ownPrefix + istioName.slice(istioName.indexOf('/') + 1);
}
