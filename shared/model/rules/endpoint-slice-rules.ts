import type { EndpointSliceBody, SliceEndpoint, SlicePort } from '../endpoint-slice.ts';
import { topologyLabels } from '../pod.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn, faultOfIp } from './host-rules.ts';
import { readTexts } from './metadata-rules.ts';
import { listOf, oneOf, optional, readFlag, readInteger, readText } from './read.ts';
import type { Report } from './report.ts';

const addressTypes = ['IPv4', 'IPv6', 'FQDN'] as const;
const conditionNames = ['ready', 'serving', 'terminating'] as const;

/** The body of an EndpointSlice, of v1 or v1beta1 (whose `topology` says what are fields in v1). */
export function readEndpointSlice(root: Field, report: Report): EndpointSliceBody {
  if (!root.get('addressType').isSet) report.error(root.get('addressType'), 'is required');
  const addressType = oneOf(root.get('addressType'), addressTypes, report) ?? 'IPv4';
  return {
    addressType,
    endpoints: listOf(root.get('endpoints'), report).map((endpoint) => readEndpoint(endpoint, addressType, report)),
    ports: listOf(root.get('ports'), report).map((port) => readPort(port, report)),
  };
}

function readEndpoint(endpoint: Field, type: EndpointSliceBody['addressType'], report: Report): SliceEndpoint {
  const addresses = listOf(endpoint.get('addresses'), report);
  if (addresses.length === 0) report.error(endpoint.get('addresses'), 'is required');
  for (const address of addresses)
    check(report, address, (type === 'FQDN' ? faultOfFqdn : faultOfIp)(readText(address, report) ?? ''));
  const topology = readTexts(endpoint.get('topology'), report);
  const text = (name: string, label?: string) =>
    readText(endpoint.get(name), report) ?? (label === undefined ? undefined : topology[label]);
  const conditions = readConditions(endpoint.get('conditions'), report);
  return {
    addresses: addresses.map((address) => address.text),
    ...(Object.keys(conditions).length === 0 ? {} : { conditions }),
    ...optional('hostname', text('hostname')),
    ...optional('nodeName', text('nodeName', topologyLabels.hostname)),
    ...optional('zone', text('zone', topologyLabels.zone)),
    ...optional('region', text('region', topologyLabels.region)),
    ...optional('targetRef', readTarget(endpoint.get('targetRef'), report)),
  };
}

function readConditions(conditions: Field, report: Report): NonNullable<SliceEndpoint['conditions']> {
  const read = conditionNames.map((name) => [name, readFlag(conditions.get(name), report)] as const);
  return Object.fromEntries(read.filter(([, value]) => value !== undefined));
}

function readTarget(target: Field, report: Report): SliceEndpoint['targetRef'] {
  if (!target.isSet) return undefined;
  const text = (name: string) => readText(target.get(name), report);
  return { kind: text('kind') ?? '', name: text('name') ?? '', ...optional('namespace', text('namespace')) };
}

function readPort(port: Field, report: Report): SlicePort {
  return {
    name: readText(port.get('name'), report) ?? '',
    ...optional('port', readInteger(port.get('port'), [1, 65_535], report)),
    protocol: readText(port.get('protocol'), report) ?? 'TCP',
    ...optional('appProtocol', readText(port.get('appProtocol'), report)),
  };
}
