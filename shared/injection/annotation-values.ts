import { isIP } from 'node:net';
import { parseQuantity } from '../model/quantity.ts';
import { isJsonObject } from './pod.ts';

/**
 * What each annotation may say. A check answers null, or what would be right (`must be ...`). The rules are those of Istio
 * (pkg/kube/inject/validate.go), and stricter where it takes anything.
 */
export type ValueCheck = (value: string) => string | null;

const falsy = ['0', 'f', 'F', 'false', 'FALSE', 'False'];
const truthy = ['1', 't', 'T', 'true', 'TRUE', 'True'];

/** A boolean as Go reads it; null for anything else. */
export function parseFlag(value: string): boolean | null {
  return truthy.includes(value) ? true : falsy.includes(value) ? false : null;
}

/** The parts of a list with commas; nothing of an empty one. */
export const listOf = (value: string) => (value.trim() === '' ? [] : value.split(',').map((part) => part.trim()));

const flag: ValueCheck = (value) => (parseFlag(value) === null ? 'must be true or false' : null);

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
const ports: ValueCheck = (value) =>
  listOf(value).every(isPort) ? null : 'must be a list of ports with commas between, such as 80,443';
const portsOrAll: ValueCheck = (value) =>
  value === '*' || ports(value) === null ? null : 'must be * or a list of ports with commas between, such as 80,443';
const port: ValueCheck = (value) => (isPort(value.trim()) ? null : 'must be a port from 0 to 65535');

function isCidr(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  const family = isIP(address);
  return more.length === 0 && family !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}
const ranges: ValueCheck = (value) =>
  listOf(value).every(isCidr)
    ? null
    : 'must be a list of address ranges with commas between, such as 10.0.0.0/8,192.168.1.0/24';
const rangesOrAll: ValueCheck = (value) =>
  value === '*' ? null : (ranges(value)?.replace('must be', 'must be * or') ?? null);

const interfaces: ValueCheck = (value) =>
  listOf(value).every((name) => /^[\w.@-]{1,15}$/.test(name))
    ? null
    : 'must be a list of network interfaces with commas between, such as net1,net2';

const count: ValueCheck = (value) =>
  /^\d{1,10}$/.test(value) && Number(value) < 2 ** 32 ? null : 'must be a whole number, not negative';
const quantity: ValueCheck = (value) =>
  (parseQuantity(value) ?? -1) >= 0 ? null : 'must be a quantity of Kubernetes, such as 100m or 128Mi';
const image: ValueCheck = (value) => (/^\S+$/.test(value) ? null : 'must be an image, such as registry/sidecar:1.0');
const imageType: ValueCheck = (value) =>
  /^\w[\w.-]{0,127}$/.test(value) ? null : 'must be a suffix of an image tag, such as debug';
const containers: ValueCheck = (value) =>
  listOf(value).every((name) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name))
    ? null
    : 'must be a list of containers with commas between';

function isVolumes(value: string): boolean {
  try {
    const volumes: unknown = JSON.parse(value);
    return isJsonObject(volumes) && Object.values(volumes).every(isJsonObject);
  } catch {
    // Not JSON: said by the check.
    return false;
  }
}
const volumes: ValueCheck = (value) =>
  isVolumes(value) ? null : 'must be JSON: an object with an object for each name of a volume';

/** The levels of Envoy's log, and which of ours is meant. */
export const logLevels: Readonly<Record<string, string>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  critical: 'error',
  off: 'error',
};
const logLevel: ValueCheck = (value) =>
  value in logLevels ? null : `must be one of ${Object.keys(logLevels).join(', ')}`;

/** How traffic gets into the sidecar. */
export const interceptionModes = ['REDIRECT', 'TPROXY', 'NONE'] as const;
export type InterceptionMode = (typeof interceptionModes)[number];
const mode: ValueCheck = (value) =>
  interceptionModes.some((one) => one === value) ? null : `must be one of ${interceptionModes.join(', ')}`;

/** Annotations whose value is checked, by Istio's name. */
export const valueChecks: Readonly<Record<string, ValueCheck>> = {
  'sidecar.istio.io/interceptionMode': mode,
  'sidecar.istio.io/nativeSidecar': flag,
  'sidecar.istio.io/rewriteAppHTTPProbers': flag,
  'sidecar.istio.io/capNetBindService': flag,
  'sidecar.istio.io/proxyImage': image,
  'sidecar.istio.io/proxyImageType': imageType,
  'sidecar.istio.io/proxyCPU': quantity,
  'sidecar.istio.io/proxyCPULimit': quantity,
  'sidecar.istio.io/proxyMemory': quantity,
  'sidecar.istio.io/proxyMemoryLimit': quantity,
  'sidecar.istio.io/logLevel': logLevel,
  'sidecar.istio.io/userVolume': volumes,
  'sidecar.istio.io/userVolumeMount': volumes,
  'sidecar.istio.io/init-containers-before-proxy': containers,
  'status.sidecar.istio.io/port': port,
  'readiness.status.sidecar.istio.io/initialDelaySeconds': count,
  'readiness.status.sidecar.istio.io/periodSeconds': count,
  'readiness.status.sidecar.istio.io/failureThreshold': count,
  'traffic.sidecar.istio.io/includeInboundPorts': portsOrAll,
  'traffic.sidecar.istio.io/excludeInboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundPorts': ports,
  'traffic.sidecar.istio.io/excludeOutboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundIPRanges': rangesOrAll,
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': ranges,
  'traffic.sidecar.istio.io/excludeInterfaces': interfaces,
  'traffic.sidecar.istio.io/kubevirtInterfaces': interfaces,
  'istio.io/reroute-virtual-interfaces': interfaces,
  'prometheus.istio.io/merge-metrics': flag,
};
