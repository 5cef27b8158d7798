import { parseQuantity } from '../quantity.ts';
import type { TrafficSplitBackend, TrafficSplitSpec } from '../traffic-split.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn } from './host-rules.ts';
import type { KnownFields } from './known-fields.ts';
import type { Report } from './report.ts';
import { describeType } from './schema.ts';
import { refuseUnknownFields } from './unknown-fields.ts';

/** SMI's TrafficSplit: read by hand; v1alpha1 has quantities for weights, later versions whole numbers. */

const leaf: KnownFields = { kind: 'leaf' };
const object = (names: readonly string[]): KnownFields => ({
  kind: 'object',
  members: new Map(names.map((name) => [name, leaf])),
});
const knownFields: KnownFields = {
  kind: 'object',
  members: new Map<string, KnownFields>([
    ['service', leaf],
    ['backends', { kind: 'list', elements: object(['service', 'weight']) }],
    ['matches', { kind: 'list', elements: object(['kind', 'name', 'apiGroup']) }],
  ]),
};
const milli = 1000;

/** The spec of a TrafficSplit, with every problem in it reported. */
export function readTrafficSplitSpec(spec: Field, apiVersion: string, report: Report): TrafficSplitSpec {
  if (!spec.isObject) report.error(spec, spec.isSet ? 'must be an object' : 'is required');
  refuseUnknownFields(spec, knownFields, report);
  check(report, spec.get('service'), faultOfFqdn(spec.get('service').text));
  const hasQuantities = apiVersion.endsWith('/v1alpha1');
  const backends = spec.get('backends').items.map((backend) => readBackend(backend, hasQuantities, report));
  if (backends.length === 0) report.error(spec.get('backends'), 'must be a list of at least one backend');
  else if (backends.every(({ weight }) => weight === 0)) report.error(spec.get('backends'), 'no backend has a weight');
  checkDuplicates(spec.get('backends'), report);
  const matches = spec.get('matches').items.map((match) => readMatch(match, report));
  return {
    service: spec.get('service').text,
    backends: toWholeWeights(backends),
    ...(spec.get('matches').isSet ? { matches } : {}),
  };
}

function readBackend(backend: Field, hasQuantities: boolean, report: Report): TrafficSplitBackend {
  const [service, weight] = [backend.get('service'), backend.get('weight')];
  check(report, service, faultOfFqdn(service.text));
  const { value } = weight;
  const isReadable = typeof value === 'number' || (hasQuantities && typeof value === 'string');
  const number = isReadable ? parseQuantity(value) : null;
  if (number === null || number < 0 || (!hasQuantities && !Number.isInteger(number)))
    report.error(
      weight,
      weight.isSet
        ? `${JSON.stringify(value)} is not a weight, must be ${hasQuantities ? 'a quantity such as 500m or 1' : 'a whole number, 0 or more'}`
        : 'is required',
    );
  return { service: service.text, weight: number ?? 0 };
}

function checkDuplicates(backends: Field, report: Report): void {
  const seen = new Set<string>();
  for (const service of backends.items.map((backend) => backend.get('service'))) {
    if (seen.has(service.text)) report.error(service, `backend ${service.text} stands here twice`);
    seen.add(service.text);
  }
}

function readMatch(match: Field, report: Report): NonNullable<TrafficSplitSpec['matches']>[number] {
  for (const name of ['kind', 'name', 'apiGroup']) {
    const field = match.get(name);
    if (field.isSet && typeof field.value !== 'string')
      report.error(field, `is ${describeType(field.value)}, must be a string`);
  }
  if (match.get('name').text === '') report.error(match.get('name'), 'is required');
  return {
    name: match.get('name').text,
    ...(match.get('kind').isSet ? { kind: match.get('kind').text } : {}),
    ...(match.get('apiGroup').isSet ? { apiGroup: match.get('apiGroup').text } : {}),
  };
}

/** Weights matter relative to each other: fractions are all multiplied until they are whole. */
function toWholeWeights(backends: readonly TrafficSplitBackend[]): readonly TrafficSplitBackend[] {
  if (backends.every(({ weight }) => Number.isInteger(weight))) return backends;
  return backends.map(({ service, weight }) => ({ service, weight: Math.round(weight * milli) }));
}
