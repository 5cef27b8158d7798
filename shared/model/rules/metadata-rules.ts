import { isDnsLabel, isDnsSubdomain } from '../dns-name.ts';
import { defaultNamespace, type Metadata } from '../metadata.ts';
import type { Field } from './field.ts';
import { checkLabels } from './label-rules.ts';
import type { Report } from './report.ts';
import { describeType } from './schema.ts';
import { refuseUnknownName } from './unknown-fields.ts';

const knownNames = [
  'name',
  'generateName',
  'namespace',
  'labels',
  'annotations',
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'finalizers',
  'generation',
  'managedFields',
  'ownerReferences',
  'resourceVersion',
  'selfLink',
  'uid',
];
const dryRun = 'istio.io/dry-run';

/** The metadata of a document, with every problem in it reported. */
export function readMetadata(metadata: Field, report: Report): Metadata {
  if (!metadata.isObject) report.error(metadata, metadata.isSet ? 'must be an object' : 'is required');
  for (const [name, member] of metadata.entries) {
    if (!knownNames.includes(name)) refuseUnknownName(name, member, knownNames, report);
  }
  const [name, namespace] = [metadata.get('name'), metadata.get('namespace')];
  checkName(name, report);
  if (namespace.isSet && namespace.value !== '' && !isDnsLabel(namespace.text))
    report.error(namespace, `${JSON.stringify(namespace.value)} is not a namespace, must be a DNS label`);
  const labels = readTexts(metadata.get('labels'), report);
  checkLabels(metadata.get('labels'), report);
  const annotations = readTexts(metadata.get('annotations'), report);
  if (Object.hasOwn(annotations, dryRun))
    report.error(
      metadata.get('annotations').get(dryRun),
      'is only supported by AuthorizationPolicy, remove the annotation',
    );
  const created = metadata.get('creationTimestamp');
  if (created.isSet && Number.isNaN(Date.parse(created.text))) report.error(created, 'is not a time of RFC 3339');
  return {
    name: name.text,
    namespace: namespace.text || defaultNamespace,
    labels,
    annotations,
    ...(created.text === '' ? {} : { creationTimestamp: created.text }),
  };
}

/** A map of texts; whatever else stands in it is reported. */
export function readTexts(map: Field, report: Report): Readonly<Record<string, string>> {
  if (map.isSet && !map.isObject) report.error(map, `is ${describeType(map.value)}, must be a map of strings`);
  for (const [, value] of map.entries) {
    if (typeof value.value !== 'string')
      report.error(value, `is ${describeType(value.value)}, must be a string (quote it)`);
  }
  return Object.fromEntries(map.entries.map(([name, value]) => [name, value.text]));
}

function checkName(name: Field, report: Report): void {
  if (!name.isSet) report.error(name, 'is required');
  else if (!isDnsSubdomain(name.text))
    report.error(
      name,
      `${JSON.stringify(name.value)} is not a name, must be DNS labels in small letters with dots between`,
    );
}
