import { labelOperators, type LabelExpression, type LabelSelector } from '../label-selector.ts';
import type { Field } from './field.ts';
import type { KnownFields } from './known-fields.ts';
import { checkLabels } from './label-rules.ts';
import { readTexts } from './metadata-rules.ts';
import { listOf, oneOf, readText, readTextList } from './read.ts';
import type { Report } from './report.ts';
import { refuseUnknownFields } from './unknown-fields.ts';

const leaf: KnownFields = { kind: 'leaf' };
const members = (...names: readonly string[]): ReadonlyMap<string, KnownFields> =>
  new Map(names.map((name) => [name, leaf]));
const known: KnownFields = {
  kind: 'object',
  members: new Map<string, KnownFields>([
    ['matchLabels', leaf],
    ['matchExpressions', { kind: 'list', elements: { kind: 'object', members: members('key', 'operator', 'values') } }],
  ]),
};

/** A label selector, with every problem in it reported. */
export function readLabelSelector(selector: Field, report: Report): LabelSelector {
  if (!selector.isObject) report.error(selector, 'must be an object');
  refuseUnknownFields(selector, known, report);
  checkLabels(selector.get('matchLabels'), report);
  return {
    matchLabels: readTexts(selector.get('matchLabels'), report),
    matchExpressions: listOf(selector.get('matchExpressions'), report).map((item) => readExpression(item, report)),
  };
}

function readExpression(item: Field, report: Report): LabelExpression {
  const [key, operator, values] = [item.get('key'), item.get('operator'), item.get('values')];
  if (!key.isSet) report.error(key, 'is required');
  if (!operator.isSet) report.error(operator, 'is required');
  const read: LabelExpression = {
    key: readText(key, report) ?? '',
    operator: oneOf(operator, labelOperators, report) ?? 'Exists',
    values: readTextList(values, report) ?? [],
  };
  const wantsValues = read.operator === 'In' || read.operator === 'NotIn';
  if (operator.isSet && wantsValues !== read.values.length > 0)
    report.error(values, wantsValues ? `is required with ${read.operator}` : `must be empty with ${read.operator}`);
  return read;
}
