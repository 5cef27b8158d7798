import { sidecarPorts } from '../kubernetes/names.ts';
import { annotation } from './annotations.ts';
import { listOf } from './annotation-values.ts';
import type { ProxySettings } from './injection-settings.ts';
import type { Pod } from './pod.ts';
import type { ProxyIds } from './user-ids.ts';

/** Which traffic of a pod is captured; lists with commas between, `*` is all. */
export type Traffic = Readonly<{
  includeInboundPorts: string;
  excludeInboundPorts: string;
  includeOutboundPorts: string;
  excludeOutboundPorts: string;
  includeOutboundIPRanges: string;
  excludeOutboundIPRanges: string;
  excludeInterfaces: string;
  rerouteInterfaces: string;
  capturesDns: boolean;
  dropsInvalid: boolean;
}>;

type Sources = Readonly<{ proxy: ProxySettings; statusPort: number; metadata: Readonly<Record<string, string>> }>;

/** What a pod says by its annotations, else what holds for the mesh. */
export function readTraffic(pod: Pod, { proxy, statusPort, metadata }: Sources): Traffic {
  const of = (name: string) => annotation(pod, `traffic.sidecar.istio.io/${name}`);
  const list = (text: string) => listOf(text).join(',');
  return {
    includeInboundPorts: list(of('includeInboundPorts') ?? proxy.includeInboundPorts),
    excludeInboundPorts: withOwnPorts(of('excludeInboundPorts') ?? proxy.excludeInboundPorts, statusPort),
    includeOutboundPorts: list(of('includeOutboundPorts') ?? proxy.includeOutboundPorts),
    excludeOutboundPorts: list(of('excludeOutboundPorts') ?? proxy.excludeOutboundPorts),
    includeOutboundIPRanges: list(of('includeOutboundIPRanges') ?? proxy.includeIPRanges),
    excludeOutboundIPRanges: list(of('excludeOutboundIPRanges') ?? proxy.excludeIPRanges),
    excludeInterfaces: list(of('excludeInterfaces') ?? ''),
    rerouteInterfaces: list(annotation(pod, 'istio.io/reroute-virtual-interfaces') ?? of('kubevirtInterfaces') ?? ''),
    capturesDns: metadata['ISTIO_META_DNS_CAPTURE'] === 'true',
    dropsInvalid: metadata['INVALID_DROP'] === 'true',
  };
}

/** The flags of `meshctl capture apply`. */
export function captureFlags(traffic: Traffic, mode: string, ids: ProxyIds): string[] {
  const given = (flag: string, value: string) => (value === '' ? [] : [flag, value]);
  return [
    '--mode',
    mode,
    '--inbound-port',
    String(sidecarPorts.inbound),
    '--outbound-port',
    String(sidecarPorts.outbound),
    '--uid',
    String(ids.captureUser),
    '--gid',
    String(ids.captureGroup),
    '--include-inbound-ports',
    traffic.includeInboundPorts,
    '--exclude-inbound-ports',
    traffic.excludeInboundPorts,
    '--include-outbound-ip-ranges',
    traffic.includeOutboundIPRanges,
    ...given('--exclude-outbound-ip-ranges', traffic.excludeOutboundIPRanges),
    ...given('--include-outbound-ports', traffic.includeOutboundPorts),
    ...given('--exclude-outbound-ports', traffic.excludeOutboundPorts),
    ...given('--exclude-interfaces', traffic.excludeInterfaces),
    ...given('--reroute-interfaces', traffic.rerouteInterfaces),
    ...(traffic.capturesDns ? ['--dns', '--dns-port', String(sidecarPorts.dns)] : []),
    ...(traffic.dropsInvalid ? ['--drop-invalid'] : []),
  ];
}

/** What the kubelet and Prometheus call must not go through the sidecar's inbound listener. */
function withOwnPorts(excluded: string, statusPort: number): string {
  const own = [sidecarPorts.metrics, sidecarPorts.readiness].map(String);
  const status = statusPort === 0 ? [] : [String(statusPort)];
  return [...new Set([...own, ...listOf(excluded), ...status])].join(',');
}
