import { isDnsLabel } from '../dns-name.ts';
import type { ServicePort, ServiceSpec } from '../service.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn, faultOfPort } from './host-rules.ts';
import type { KnownFields } from './known-fields.ts';
import { checkLabels } from './label-rules.ts';
import { readTexts } from './metadata-rules.ts';
import { listOf, oneOf, optional, readFlag, readText, readTextList } from './read.ts';
import type { Report } from './report.ts';
import { describeType } from './schema.ts';
import { refuseUnknownFields } from './unknown-fields.ts';

/** Kubernetes' Service: read by hand, for its schema is not among Istio's. */

const leaf: KnownFields = { kind: 'leaf' };
const object = (names: string, more: Readonly<Record<string, KnownFields>> = {}): KnownFields => ({
  kind: 'object',
  members: new Map([...names.split(' ').map((name) => [name, leaf] as const), ...Object.entries(more)]),
});
/** Every field of a Service's spec that is known; of those that are not read below nothing is said. */
export const knownServiceFields = object(
  'type clusterIP clusterIPs externalName selector publishNotReadyAddresses sessionAffinity sessionAffinityConfig ' +
    'trafficDistribution externalIPs externalTrafficPolicy internalTrafficPolicy healthCheckNodePort ipFamilies ' +
    'ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass loadBalancerIP loadBalancerSourceRanges',
  { ports: { kind: 'list', elements: object('name port targetPort protocol appProtocol nodePort') } },
);
const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const affinities = ['None', 'ClientIP'] as const;

/** The spec of a Service, with every problem in it reported. */
export function readServiceSpec(spec: Field, report: Report): ServiceSpec {
  if (!spec.isObject) report.error(spec, spec.isSet ? 'must be an object' : 'is required');
  refuseUnknownFields(spec, knownServiceFields, report);
  const type = oneOf(spec.get('type'), types, report);
  const ports = listOf(spec.get('ports'), report).map((port) => readPort(port, report));
  checkPorts(spec, ports, report);
  checkExternalName(spec, report);
  checkLabels(spec.get('selector'), report);
  return {
    ...optional('type', type),
    ...optional('clusterIP', readText(spec.get('clusterIP'), report)),
    ...optional('clusterIPs', readTextList(spec.get('clusterIPs'), report)),
    ...optional('externalName', readText(spec.get('externalName'), report)),
    ...(spec.get('selector').isSet ? { selector: readTexts(spec.get('selector'), report) } : {}),
    ports,
    ...optional('publishNotReadyAddresses', readFlag(spec.get('publishNotReadyAddresses'), report)),
    ...optional('sessionAffinity', oneOf(spec.get('sessionAffinity'), affinities, report)),
    ...optional('trafficDistribution', readText(spec.get('trafficDistribution'), report)),
  };
}

function readPort(port: Field, report: Report): ServicePort {
  if (!port.isObject) report.error(port, `is ${describeType(port.value)}, must be an object`);
  const [name, target] = [port.get('name'), port.get('targetPort')];
  if (name.isSet && !isDnsLabel(name.text))
    report.error(name, `${JSON.stringify(name.value)} is not a port name, must be a DNS label in small letters`);
  check(report, port.get('port'), faultOfPort(port.get('port').number));
  if (typeof target.value === 'number') check(report, target, faultOfPort(target.number));
  else if (target.isSet && !/^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/.test(target.text))
    report.error(target, `${JSON.stringify(target.value)} is neither a port number nor the name of a container port`);
  return {
    ...optional('name', name.isSet ? name.text : undefined),
    port: port.get('port').number,
    ...optional('targetPort', typeof target.value === 'number' ? target.number : target.text || undefined),
    protocol: oneOf(port.get('protocol'), protocols, report) ?? 'TCP',
    ...optional('appProtocol', readText(port.get('appProtocol'), report)),
  };
}

function checkPorts(spec: Field, ports: readonly ServicePort[], report: Report): void {
  const field = spec.get('ports');
  const needsNone = spec.get('type').text === 'ExternalName' || spec.get('clusterIP').text === 'None';
  if (ports.length === 0 && !needsNone) report.error(field, 'a service must have at least one port');
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, { name, port, protocol }] of ports.entries()) {
    const item = field.items[index] ?? field;
    if (name === undefined && ports.length > 1)
      report.error(item.get('name'), 'is required where there are several ports');
    if (name !== undefined && names.has(name)) report.error(item.get('name'), `port name ${name} cannot be duplicated`);
    if (numbers.has(`${port}/${protocol}`)) report.error(item.get('port'), `port ${port} cannot be duplicated`);
    names.add(name ?? '');
    numbers.add(`${port}/${protocol}`);
  }
}

function checkExternalName(spec: Field, report: Report): void {
  const name = spec.get('externalName');
  if (spec.get('type').text === 'ExternalName') check(report, name, faultOfFqdn(name.text));
}
