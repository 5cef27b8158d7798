import type { ResourceKind } from './resource.ts';

/**
 * What is valid but not honoured yet, as data: it is reported by name as a warning, never ignored in silence. To honour
 * a field, take its line out. Paths begin at the document; `[]` is every element of a list, `*` every member of a map.
 */

/** One field that is not honoured, always or for some values only. */
export type NotHonoured = Readonly<{
  path: string;
  reason: string;
  /** Only these values are not honoured. */
  values?: readonly (string | boolean)[];
  /** Every value but these is not honoured. */
  except?: readonly (string | boolean)[];
}>;

const noGateways = 'there are no gateways, rules hold in the mesh only';
const noLocalities = 'localities are not taken into account when balancing';
const notBySidecars = 'sidecars do not apply it yet';

/** The fields of a traffic policy, which stands at the rule, at each subset and (in part) at each port. */
const ofPolicy: readonly NotHonoured[] = [
  { path: 'loadBalancer.localityLbSetting', reason: noLocalities },
  { path: 'loadBalancer.warmup', reason: 'new endpoints get their full share at once' },
  { path: 'loadBalancer.warmupDurationSecs', reason: 'new endpoints get their full share at once' },
  { path: 'proxyProtocol', reason: 'no PROXY header is sent' },
  { path: 'tunnel', reason: 'traffic is not tunnelled' },
  { path: 'tls.credentialName', reason: 'certificates are read from files only' },
  { path: 'tls.caCrl', reason: 'revocation lists are not read' },
];

/** The table. */
export const notHonoured: Readonly<Record<ResourceKind, readonly NotHonoured[]>> = {
  VirtualService: [
    { path: 'spec.gateways[]', reason: noGateways, except: ['mesh'] },
    { path: 'spec.http[].match[].gateways[]', reason: noGateways, except: ['mesh'] },
    { path: 'spec.http[].match[].statPrefix', reason: 'there are no statistics per match' },
    { path: 'spec.http[].retries.retryRemoteLocalities', reason: noLocalities },
    { path: 'spec.tcp[].match[].gateways[]', reason: noGateways, except: ['mesh'] },
    { path: 'spec.tcp[].match[].sourceSubnet', reason: 'callers are told by labels and namespace, not by address' },
    { path: 'spec.tls[].match[].gateways[]', reason: noGateways, except: ['mesh'] },
  ],
  DestinationRule: [
    ...below('spec.trafficPolicy', ofPolicy),
    ...below('spec.trafficPolicy.portLevelSettings[]', ofPolicy),
    ...below('spec.subsets[].trafficPolicy', ofPolicy),
    ...below('spec.subsets[].trafficPolicy.portLevelSettings[]', ofPolicy),
  ],
  ServiceEntry: [
    {
      path: 'spec.resolution',
      reason: 'names are not resolved in this way, use DNS',
      values: ['DNS_ROUND_ROBIN', 'DYNAMIC_DNS'],
    },
    { path: 'spec.endpoints[].network', reason: 'there is one network' },
  ],
  WorkloadEntry: [{ path: 'spec.network', reason: 'there is one network' }],
  WorkloadGroup: [{ path: 'spec.template.network', reason: 'there is one network' }],
  Sidecar: [
    { path: 'spec.ingress[].tls', reason: 'listeners of ingress take mutual TLS of the mesh or plain text' },
    { path: 'spec.ingress[].connectionPool', reason: notBySidecars },
    {
      path: 'spec.ingress[].captureMode',
      reason: 'what is captured is decided where the sidecar is installed',
      except: ['DEFAULT'],
    },
    {
      path: 'spec.egress[].captureMode',
      reason: 'what is captured is decided where the sidecar is installed',
      except: ['DEFAULT'],
    },
    { path: 'spec.inboundConnectionPool', reason: notBySidecars },
    { path: 'spec.outboundTrafficPolicy.egressProxy', reason: 'unknown hosts are called directly' },
  ],
  PeerAuthentication: [],
  Service: [
    { path: 'spec.sessionAffinity', reason: 'use consistentHash in a DestinationRule', values: ['ClientIP'] },
    { path: 'spec.internalTrafficPolicy', reason: noLocalities, values: ['Local'] },
  ],
  TrafficSplit: [{ path: 'spec.matches', reason: 'HTTPRouteGroups are not read, the split holds for every request' }],
  Pod: [],
  EndpointSlice: [],
  Node: [],
  Namespace: [],
};

function below(path: string, entries: readonly NotHonoured[]): readonly NotHonoured[] {
  return entries.map((entry) => ({ ...entry, path: `${path}.${entry.path}` }));
}
