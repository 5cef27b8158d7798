/** Settings whose rules are looked at: by the golden files, and by the tests that put them into a kernel. */
import type { CaptureSettings } from './settings.ts';

const nothing: CaptureSettings = {
  mode: 'REDIRECT',
  inboundPort: 15_006,
  outboundPort: 15_001,
  uids: [1337],
  gids: [1337],
  includeInboundPorts: [],
  excludeInboundPorts: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  includeOutboundRanges: [],
  excludeOutboundRanges: [],
  excludeInterfaces: [],
  rerouteInterfaces: [],
  dns: null,
  dropInvalid: false,
};

/** What a pod gets when nothing else is said. */
export const ofPod: CaptureSettings = {
  ...nothing,
  includeInboundPorts: '*',
  excludeInboundPorts: ['15090', '15021', '15020'],
  includeOutboundRanges: '*',
};

const dns = { port: 15_053, servers: ['127.0.0.53'] };
const someUsers = { uids: [3, 4], gids: [1, 2] };
const documented = { excludeOutboundRanges: ['2001:db8::/32'], includeOutboundRanges: ['2001:db8::/32'] };

/** By the names of Istio's golden files where they have one; `pod…` and `ranges` are ours. */
export const goldenCases: Readonly<Record<string, CaptureSettings>> = {
  pod: ofPod,
  'pod-tproxy': { ...ofPod, mode: 'TPROXY' },
  'pod-dns': { ...ofPod, dns: { port: 15_053, servers: ['10.96.0.10', 'fd00:10:96::a'] }, dropInvalid: true },
  ranges: { ...ofPod, excludeInboundPorts: ['8000:8010'], excludeOutboundPorts: ['9000:9100'] },
  empty: nothing,
  'ip-range': {
    ...nothing,
    ...someUsers,
    dns,
    excludeOutboundRanges: ['1.1.0.0/16'],
    includeOutboundRanges: ['9.9.0.0/16'],
  },
  tproxy: {
    ...nothing,
    dns,
    mode: 'TPROXY',
    includeInboundPorts: '*',
    excludeOutboundRanges: ['1.1.0.0/16'],
    includeOutboundRanges: ['9.9.0.0/16'],
    excludeInterfaces: ['not-istio-nic'],
  },
  'ipv6-inbound-ports': { ...nothing, includeInboundPorts: ['4000', '5000'] },
  'ipv6-ipnets': {
    ...nothing,
    ...documented,
    includeInboundPorts: ['4000', '5000'],
    excludeInboundPorts: ['6000', '7000'],
    rerouteInterfaces: ['eth0', 'eth1'],
  },
  'ipv6-uid-gid': {
    ...nothing,
    ...someUsers,
    ...documented,
    includeInboundPorts: ['4000', '5000'],
    excludeInboundPorts: ['6000', '7000'],
    rerouteInterfaces: ['eth0', 'eth1'],
  },
  'ipv6-outbound-ports': { ...nothing, includeOutboundPorts: ['32000', '31000'] },
  'kube-virt-interfaces': { ...nothing, rerouteInterfaces: ['eth1', 'eth2'], includeOutboundRanges: '*' },
  ipnets: { ...nothing, includeOutboundRanges: ['10.0.0.0/8'] },
  'ipnets-with-kube-virt-interfaces': {
    ...nothing,
    rerouteInterfaces: ['eth1', 'eth2'],
    includeOutboundRanges: ['10.0.0.0/8'],
  },
  'inbound-wildcard-exclude': { ...nothing, includeInboundPorts: '*', excludeInboundPorts: ['22', '80', '443'] },
  'inbound-ports-tproxy': { ...nothing, mode: 'TPROXY', includeInboundPorts: ['32000', '31000'] },
  'dns-uid-gid': { ...nothing, ...someUsers, dns: { port: 15_053, servers: ['127.0.0.53', '::127.0.0.53'] } },
  'dns-all-servers': { ...nothing, dns: { port: 15_053, servers: '*' } },
  'outbound-ports-exclude': { ...nothing, excludeOutboundPorts: ['22', '80', '443'] },
  'loopback-outbound-iprange': { ...nothing, ...someUsers, dns, includeOutboundRanges: ['127.1.2.3/32'] },
  'basic-exclude-nic': { ...nothing, excludeInterfaces: ['not-istio-nic'] },
  'drop-invalid': { ...nothing, dropInvalid: true },
};
