import type { Metadata } from '../metadata.ts';
import { checkExportTo } from './export-to-rules.ts';
import type { Field } from './field.ts';
import { check, faultOfWildcardHost } from './host-rules.ts';
import { checkLabels, checkSelector } from './label-rules.ts';
import type { Report } from './report.ts';
import { checkSubsetName } from './scalar-rules.ts';
import { checkTrafficPolicy } from './traffic-policy-rules.ts';

/** Istio's rules for a DestinationRule, beyond its schema. */
export function checkDestinationRule(spec: Field, { namespace }: Metadata, report: Report): void {
  if (spec.get('host').isSet) check(report, spec.get('host'), faultOfWildcardHost(spec.get('host').text));
  checkTrafficPolicy(spec.get('trafficPolicy'), report);
  checkSubsets(spec.get('subsets'), report);
  const selector = spec.get('workloadSelector');
  checkExportTo(spec.get('exportTo'), { namespace, isSelective: selector.isSet }, report);
  checkSelector(selector, selector.get('matchLabels'), report);
}

function checkSubsets(subsets: Field, report: Report): void {
  const names = new Set<string>();
  for (const subset of subsets.items) {
    const name = subset.get('name');
    if (names.has(name.text)) report.error(name, `duplicate subset names: ${name.text}`);
    names.add(name.text);
    checkSubsetName(name, report);
    checkLabels(subset.get('labels'), report);
    checkTrafficPolicy(subset.get('trafficPolicy'), report);
  }
}
