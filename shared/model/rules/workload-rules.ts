import type { Metadata } from '../metadata.ts';
import type { Field } from './field.ts';
import { checkHeaderName } from './header-rules.ts';
import {
  check,
  faultOfFqdn,
  faultOfIp,
  faultOfPort,
  faultOfPortName,
  faultOfUnixAddress,
  isUnixAddress,
} from './host-rules.ts';
import { checkLabels } from './label-rules.ts';
import type { Report } from './report.ts';
import { checkNonNegative } from './scalar-rules.ts';

/** What an endpoint is checked against when it stands in a ServiceEntry. */
export type EndpointContext = Readonly<{
  /** Names of the ports that it may map. */
  portNames?: ReadonlySet<string> | undefined;
  /** Whether it may be a DNS name. */
  mayBeName: boolean;
}>;

const probeCounts = ['periodSeconds', 'initialDelaySeconds', 'timeoutSeconds', 'successThreshold', 'failureThreshold'];
const probeMethods = ['httpGet', 'tcpSocket', 'exec', 'grpc'];

/** Istio's rules for a WorkloadEntry, beyond its schema. */
export function checkWorkloadEntry(spec: Field, _metadata: Metadata, report: Report): void {
  checkEndpoint(spec, { mayBeName: true }, report);
}

/** Istio's rules for an endpoint: a WorkloadEntry, or one of a ServiceEntry's. */
export function checkEndpoint(entry: Field, { portNames, mayBeName }: EndpointContext, report: Report): void {
  const address = entry.get('address');
  const isUnix = isUnixAddress(address.text);
  if (address.text === '') {
    if (entry.get('network').text === '') report.error(address, 'Address is required');
    else report.warn(address, 'address is unset with a network');
  } else if (isUnix) checkUnixEndpoint(entry, portNames, report);
  else checkAddress(address, mayBeName, report);
  checkPorts(entry.get('ports'), portNames, report);
  checkLabels(entry.get('labels'), report);
}

/** Istio's rules for a WorkloadGroup, beyond its schema. */
export function checkWorkloadGroup(spec: Field, _metadata: Metadata, report: Report): void {
  const template = spec.get('template');
  checkPorts(template.get('ports'), undefined, report);
  checkLabels(template.get('labels'), report);
  checkLabels(spec.at('metadata', 'labels'), report);
  checkProbe(spec.get('probe'), report);
}

function checkUnixEndpoint(entry: Field, portNames: ReadonlySet<string> | undefined, report: Report): void {
  const address = entry.get('address');
  check(report, address, faultOfUnixAddress(address.text));
  if (entry.get('ports').entries.length > 0) report.error(entry.get('ports'), 'UDS may not include ports');
  if (portNames !== undefined && portNames.size !== 1)
    report.error(address, 'exactly 1 service port required for unix endpoints');
}

function checkAddress(address: Field, mayBeName: boolean, report: Report): void {
  if (faultOfIp(address.text) === null) return;
  if (!mayBeName) report.error(address, `endpoint address ${JSON.stringify(address.text)} is not a valid IP address`);
  else if (faultOfFqdn(address.text) !== null)
    report.error(address, `endpoint address ${JSON.stringify(address.text)} is not a valid FQDN or an IP address`);
}

function checkPorts(ports: Field, portNames: ReadonlySet<string> | undefined, report: Report): void {
  for (const [name, port] of ports.entries) {
    if (portNames?.has(name) === false) report.error(port, `endpoint port ${name} is not defined by the service entry`);
    check(report, port, faultOfPortName(name));
    if (typeof port.value === 'number') check(report, port, faultOfPort(port.number));
  }
}

function checkProbe(probe: Field, report: Report): void {
  if (!probe.isObject) return;
  for (const name of probeCounts) checkNonNegative(probe.get(name), report);
  if (!probeMethods.some((name) => probe.get(name).isSet))
    report.error(probe, 'a health check method is required: httpGet, tcpSocket, exec or grpc');
  for (const name of ['httpGet', 'tcpSocket', 'grpc']) {
    const method = probe.get(name);
    const isNeeded = name !== 'grpc' || method.get('port').isSet;
    if (method.isObject && isNeeded) check(report, method.get('port'), faultOfPort(method.get('port').number));
  }
  const scheme = probe.at('httpGet', 'scheme');
  if (!['', 'HTTP', 'HTTPS'].includes(scheme.text)) report.error(scheme, 'httpGet.scheme must be one of HTTP, HTTPS');
  for (const header of probe.at('httpGet', 'httpHeaders').items)
    checkHeaderName(header.get('name').text, header.get('name'), report);
  const exec = probe.get('exec');
  if (exec.isObject && exec.get('command').items.length === 0)
    report.error(exec.get('command'), 'exec.command is required');
}
