import { checkDestination } from './destination-rules.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';
import { checkPercent } from './scalar-rules.ts';

/** Istio's rules for `mirror`, `mirrors` and their percentages. */
export function checkMirrors(route: Field, report: Report): void {
  const [mirror, mirrors] = [route.get('mirror'), route.get('mirrors')];
  if (mirror.isSet && mirrors.items.length > 0)
    report.error(mirrors, 'HTTP route cannot contain both mirror and mirrors');
  for (const name of ['mirrorPercent', 'mirror_percent']) {
    const percent = route.get(name);
    checkPercent(percent, report);
    if (percent.isSet) report.warn(percent, `using deprecated setting "${name}", use "mirrorPercentage" instead`);
  }
  checkPercent(route.at('mirrorPercentage', 'value'), report);
  checkDestination(mirror, report);
  for (const item of mirrors.items) {
    const destination = item.get('destination');
    if (!destination.isSet) report.error(destination, 'destination is required for mirrors');
    checkDestination(destination, report);
    checkPercent(item.at('percentage', 'value'), report);
  }
}
