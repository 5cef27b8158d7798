/** The config kinds that a cluster learns from us: names, short names and columns as Istio and SMI have them. */
import type { Schema } from './declarations.ts';

/** A column of `kubectl get`. */
export type PrinterColumn = Readonly<{ name: string; type: string; jsonPath: string; description: string }>;

/** What a CustomResourceDefinition says besides the schemas. `versions`: the first one is stored. */
export type ConfigKind = Readonly<{
  group: string;
  kind: string;
  plural: string;
  shortNames?: readonly string[];
  categories: readonly string[];
  versions: readonly string[];
  columns: readonly PrinterColumn[];
}>;

const age: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'When it was created',
};
const column = (name: string, jsonPath: string, description: string): PrinterColumn => ({
  name,
  type: 'string',
  jsonPath,
  description,
});

const networking = {
  group: 'networking.istio.io',
  categories: ['istio-io', 'networking-istio-io'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
};
const security = {
  group: 'security.istio.io',
  categories: ['istio-io', 'security-istio-io'],
  versions: ['v1', 'v1beta1'],
};

/** Istio's kinds, whose schemas come from `@kubernetes-models/istio`. */
export const istioKinds: readonly ConfigKind[] = [
  {
    ...networking,
    kind: 'VirtualService',
    plural: 'virtualservices',
    shortNames: ['vs'],
    columns: [
      column('Gateways', '.spec.gateways', 'The gateways and sidecars that apply these routes'),
      column('Hosts', '.spec.hosts', 'The hosts to which traffic is sent'),
      age,
    ],
  },
  {
    ...networking,
    kind: 'DestinationRule',
    plural: 'destinationrules',
    shortNames: ['dr'],
    columns: [column('Host', '.spec.host', 'The service that it is about'), age],
  },
  {
    ...networking,
    kind: 'ServiceEntry',
    plural: 'serviceentries',
    shortNames: ['se'],
    columns: [
      column('Hosts', '.spec.hosts', 'The hosts of the service'),
      column('Location', '.spec.location', 'Whether the service is part of the mesh or external'),
      column('Resolution', '.spec.resolution', 'How its endpoints are found'),
      age,
    ],
  },
  {
    ...networking,
    kind: 'WorkloadEntry',
    plural: 'workloadentries',
    shortNames: ['we'],
    columns: [age, column('Address', '.spec.address', 'Address of the endpoint')],
  },
  { ...networking, kind: 'WorkloadGroup', plural: 'workloadgroups', shortNames: ['wg'], columns: [age] },
  { ...networking, kind: 'Sidecar', plural: 'sidecars', columns: [] },
  { ...networking, kind: 'Gateway', plural: 'gateways', shortNames: ['gw'], columns: [] },
  { ...networking, kind: 'EnvoyFilter', plural: 'envoyfilters', versions: ['v1alpha3'], columns: [] },
  { ...networking, kind: 'ProxyConfig', plural: 'proxyconfigs', versions: ['v1beta1'], columns: [] },
  {
    ...security,
    kind: 'PeerAuthentication',
    plural: 'peerauthentications',
    shortNames: ['pa'],
    columns: [column('Mode', '.spec.mtls.mode', 'The mode of mutual TLS'), age],
  },
  {
    ...security,
    kind: 'AuthorizationPolicy',
    plural: 'authorizationpolicies',
    shortNames: ['ap'],
    columns: [column('Action', '.spec.action', 'What is done with matching requests'), age],
  },
  {
    ...security,
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    shortNames: ['ra'],
    columns: [],
  },
  {
    group: 'telemetry.istio.io',
    categories: ['istio-io', 'telemetry-istio-io'],
    versions: ['v1', 'v1alpha1'],
    kind: 'Telemetry',
    plural: 'telemetries',
    shortNames: ['telemetry'],
    columns: [age],
  },
];

/** SMI's TrafficSplit: v1alpha1 has weights as quantities, v1alpha3 brought `matches`. */
export const trafficSplit: ConfigKind = {
  group: 'split.smi-spec.io',
  kind: 'TrafficSplit',
  plural: 'trafficsplits',
  shortNames: ['ts'],
  categories: [],
  versions: ['v1alpha4', 'v1alpha3', 'v1alpha2', 'v1alpha1'],
  columns: [column('Service', '.spec.service', 'The apex service of this split'), age],
};

/** The schema of a TrafficSplit's `spec` in one version. */
export function trafficSplitSpec(version: string): Schema {
  const hasMatches = version === 'v1alpha3' || version === 'v1alpha4';
  const weight = version === 'v1alpha1' ? { 'x-kubernetes-int-or-string': true } : { type: 'integer', minimum: 0 };
  const text = (description: string) => ({ type: 'string', description });
  return {
    type: 'object',
    required: ['service', 'backends'],
    properties: {
      service: text('The apex service of this split.'),
      backends: {
        type: 'array',
        description: 'The backend services of this split.',
        items: {
          type: 'object',
          required: ['service', 'weight'],
          properties: {
            service: text('Name of the backend service.'),
            weight: { ...weight, description: 'Its share of the traffic, in proportion to the other weights.' },
          },
        },
      },
      ...(hasMatches ? { matches: matchesSchema } : {}),
    },
  };
}

const matchesSchema: Schema = {
  type: 'array',
  description: 'The route groups to which this split is restricted.',
  items: {
    type: 'object',
    required: ['kind', 'name'],
    properties: {
      apiGroup: { type: 'string', nullable: true },
      kind: { type: 'string', enum: ['HTTPRouteGroup'] },
      name: { type: 'string' },
    },
  },
};
