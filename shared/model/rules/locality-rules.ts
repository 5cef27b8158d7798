import type { Field } from './field.ts';
import type { Report } from './report.ts';

const topologyLabels = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

/** Istio's rules for `localityLbSetting`: shares by locality (`region/zone/subzone`), or failover between regions. */
export function checkLocalities(setting: Field, hasOutlierDetection: boolean, report: Report): void {
  const [distribute, failover] = [setting.get('distribute'), setting.get('failover')];
  const priority = setting.get('failoverPriority');
  if (distribute.items.length > 0 && failover.items.length > 0)
    return report.error(distribute, "can not simultaneously specify 'distribute' and 'failover'");
  const clash =
    failover.items.length > 0 ? priority.items.find(({ text }) => topologyLabels.includes(text)) : undefined;
  if (clash !== undefined)
    report.error(clash, `can not simultaneously set 'failover' and topology label ${clash.text}`);
  checkDistribute(distribute, report);
  for (const item of failover.items) checkFailover(item, report);
  if ((failover.items.length > 0 || priority.items.length > 0) && !hasOutlierDetection)
    report.warn(setting, 'outlier detection policy must be provided for failover');
}

function checkDistribute(distribute: Field, report: Report): void {
  checkOverlap(
    distribute.items.map((item) => [item.get('from').text, item.get('from')] as const),
    report,
  );
  for (const { to } of distribute.items.map((item) => ({ to: item.get('to') }))) {
    for (const [, weight] of to.entries) {
      if (weight.number < 1 || weight.number > 100) report.error(weight, 'locality weight must be in range [1, 100]');
    }
    const total = to.entries.reduce((sum, [, weight]) => sum + weight.number, 0);
    if (total !== 100) report.error(to, `total locality weight ${total} != 100`);
    checkOverlap(to.entries, report);
  }
}

/** Localities of one list must not cover each other; a `*` may only end one. */
function checkOverlap(localities: readonly (readonly [string, Field])[], report: Report): void {
  const earlier: string[][] = [];
  for (const [locality, field] of localities) {
    const parts = locality.split('/');
    if (parts.slice(0, 3).includes('')) {
      report.error(field, `locality ${locality} must not contain empty region/zone/subzone info`);
      continue;
    }
    if (/\*./s.test(locality))
      report.error(field, `locality ${locality}: wildcard '*' number can not exceed 1 and must be in the end`);
    else if (earlier.some((other) => overlaps(other, parts)))
      report.error(field, `locality ${locality} overlaps with previous specified ones`);
    earlier.push(parts);
  }
}

function overlaps(a: readonly string[], b: readonly string[]): boolean {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    if (a[index] === '*' || b[index] === '*') return true;
    if (a[index] !== b[index]) return false;
  }
  return true;
}

function checkFailover(failover: Field, report: Report): void {
  const regions = [failover.get('from'), failover.get('to')];
  if (regions[0]?.text === regions[1]?.text)
    report.error(failover, 'locality lb failover settings must specify different regions');
  for (const region of regions) {
    if (region.text.includes('/')) report.error(region, 'locality lb failover only specify region');
    if (region.text.includes('*')) report.error(region, "locality lb failover region should not contain '*' wildcard");
  }
}
