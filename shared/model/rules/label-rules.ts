import type { Field } from './field.ts';
import type { Report } from './report.ts';

const dnsLabel = '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?';
const qualifiedName = '(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const keyShape = new RegExp(`^(?:(?<prefix>${dnsLabel}(?:\\.${dnsLabel})*)/)?(?<name>${qualifiedName})$`);
const valueShape = new RegExp(`^(?:${qualifiedName})?$`);
const maxPrefix = 253;
const maxName = 63;

/** Labels as Kubernetes has them: keys with an optional DNS prefix, values that may be empty. */
export function checkLabels(labels: Field, report: Report): void {
  for (const [key, value] of labels.entries) {
    const { prefix = '', name = '' } = key.length > 512 ? {} : (keyShape.exec(key)?.groups ?? {});
    if (name === '') report.error(value, `${JSON.stringify(key)} is not a valid label key`);
    else if (prefix.length > maxPrefix)
      report.error(value, `the prefix of label key ${JSON.stringify(key)} is too long`);
    else if (name.length > maxName) report.error(value, `label key ${JSON.stringify(key)} is too long`);
    if (!valueShape.test(value.text)) report.error(value, `${JSON.stringify(value.text)} is not a valid label value`);
  }
}

/** The labels of a workload selector: no empty keys, no wildcards. `labels` is absent when the selector is `{}`. */
export function checkSelector(selector: Field, labels: Field, report: Report): void {
  for (const [key, value] of labels.entries) {
    if (key === '') report.error(value, 'key must not be empty');
    if (key.includes('*')) report.error(value, `wildcard not allowed in label key match: ${JSON.stringify(key)}`);
    if (value.text.includes('*'))
      report.error(value, `wildcard not allowed in label value match: ${JSON.stringify(value.text)}`);
  }
  if (selector.isSet && labels.entries.length === 0)
    report.warn(selector, 'workload selector without labels applies to every workload of the namespace');
}
