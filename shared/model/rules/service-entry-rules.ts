import type { Metadata } from '../metadata.ts';
import { isHttp, isTls, parseProtocol } from '../protocol.ts';
import { checkExportTo } from './export-to-rules.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn, faultOfPort, faultOfPortName, faultOfSubnet, faultOfWildcardHost } from './host-rules.ts';
import { checkSelector } from './label-rules.ts';
import type { Report } from './report.ts';
import { checkPort } from './scalar-rules.ts';
import { checkEndpoint } from './workload-rules.ts';

/** Istio's rules for a ServiceEntry, beyond its schema. */
export function checkServiceEntry(spec: Field, { namespace }: Metadata, report: Report): void {
  const selector = spec.get('workloadSelector');
  checkSelector(selector, selector.get('labels'), report);
  if (selector.isSet && spec.get('endpoints').isSet)
    report.error(spec.get('endpoints'), 'only one of WorkloadSelector or Endpoints can be set');
  for (const host of spec.get('hosts').items) checkHost(host, report);
  if (spec.get('hosts').isSet && spec.get('hosts').items.length === 0)
    report.error(spec.get('hosts'), 'service entry must have at least one host');
  checkAddresses(spec, report);
  for (const port of spec.get('ports').items) checkServicePort(port, spec, report);
  checkDuplicatePorts(spec.get('ports'), report);
  checkResolution(spec, report);
  checkSeveralHosts(spec, report);
  checkExportTo(spec.get('exportTo'), { namespace, mayBeNone: true }, report);
}

function resolutionOf(spec: Field): string {
  return spec.get('resolution').text || 'NONE';
}

function checkHost(host: Field, report: Report): void {
  if (host.text === '*') return report.error(host, 'invalid host *: hostname cannot be wildcard');
  const isValid = check(report, host, faultOfWildcardHost(host.text));
  if (isValid && host.text.startsWith('*') && !host.text.startsWith('*.'))
    report.warn(host, `partial wildcard ${JSON.stringify(host.text)} not allowed, use *. and a domain`);
}

function checkAddresses(spec: Field, report: Report): void {
  const addresses = spec.get('addresses');
  for (const address of addresses.items) check(report, address, faultOfSubnet(address.text));
  const block = addresses.items.find(({ text }) => text.includes('/'));
  if (block !== undefined && !['NONE', 'STATIC'].includes(resolutionOf(spec)))
    report.error(block, 'CIDR addresses are allowed only for NONE/STATIC resolution types');
}

function checkServicePort(port: Field, spec: Field, report: Report): void {
  check(report, port.get('name'), faultOfPortName(port.get('name').text));
  if (port.get('number').isSet) check(report, port.get('number'), faultOfPort(port.get('number').number));
  checkProtocol(port.get('protocol'), report);
  const target = port.get('targetPort');
  checkPort(target, report);
  if (target.number !== 0 && resolutionOf(spec) === 'NONE')
    report.warn(target, 'targetPort has no effect when resolution mode is NONE');
}

/** The protocol of a port, if it is set. */
export function checkProtocol(protocol: Field, report: Report): void {
  if (protocol.text !== '' && parseProtocol(protocol.text) === null)
    report.error(protocol, `unsupported protocol ${protocol.text}, must be one such as HTTP, HTTP2, GRPC, TLS or TCP`);
}

function checkDuplicatePorts(ports: Field, report: Report): void {
  for (const name of ['name', 'number']) {
    const seen = new Set<unknown>();
    for (const field of ports.items.map((port) => port.get(name))) {
      if (seen.has(field.value)) report.error(field, `port ${name} cannot be duplicated: ${String(field.value)}`);
      if (field.isSet) seen.add(field.value);
    }
  }
}

function checkResolution(spec: Field, report: Report): void {
  const resolution = resolutionOf(spec);
  const endpoints = spec.get('endpoints');
  const selector = spec.get('workloadSelector');
  const isNamed = resolution.includes('DNS');
  if (resolution === 'NONE' && endpoints.items.length > 0)
    report.error(endpoints, 'NONE mode cannot set endpoints: no endpoints should be provided for resolution type none');
  if (selector.isSet && resolution !== 'STATIC')
    report.warn(selector, `workloadSelector should not be set when resolution mode is ${resolution}`);
  if (isNamed) checkNamedResolution(spec, resolution, report);
  const portNames = new Set(spec.get('ports').items.map((port) => port.get('name').text));
  for (const endpoint of endpoints.items) {
    const isOfName = isNamed && endpoint.get('address').text.startsWith('unix:');
    if (isOfName) report.error(endpoint.get('address'), 'is not a valid FQDN or an IP address');
    else checkEndpoint(endpoint, { portNames, mayBeName: resolution !== 'STATIC' }, report);
  }
}

function checkNamedResolution(spec: Field, resolution: string, report: Report): void {
  const endpoints = spec.get('endpoints');
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.items.length > 1)
    report.error(endpoints, 'DNS_ROUND_ROBIN mode cannot have multiple endpoints');
  if (resolution === 'DYNAMIC_DNS') return checkDynamicResolution(spec, report);
  if (endpoints.items.length > 0) return;
  for (const host of spec.get('hosts').items) {
    if (faultOfFqdn(host.text) !== null)
      report.error(host, `hosts must be FQDN if no endpoints are provided for resolution mode ${resolution}`);
  }
}

/** Names are resolved as requests come: nothing may say beforehand where they go. */
function checkDynamicResolution(spec: Field, report: Report): void {
  for (const name of ['endpoints', 'addresses']) {
    const list = spec.get(name);
    if (list.items.length > 0) report.error(list, `DYNAMIC_DNS mode cannot set ${name}`);
  }
}

/** Of plain TCP nothing tells hosts apart, unless the original destination does. */
function checkSeveralHosts(spec: Field, report: Report): void {
  if (resolutionOf(spec) === 'NONE' || spec.get('hosts').items.length < 2) return;
  const plain = spec.get('ports').items.find((port) => !tellsHosts(port.get('protocol').text));
  if (plain !== undefined) report.error(plain, 'multiple hosts provided with non-HTTP, non-TLS ports');
}

function tellsHosts(protocol: string): boolean {
  const parsed = parseProtocol(protocol);
  return parsed !== null && (isHttp(parsed) || isTls(parsed));
}
