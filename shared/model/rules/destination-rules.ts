import type { Field } from './field.ts';
import { checkHeaderOperations } from './header-rules.ts';
import { check, faultOfPort, faultOfWildcardHost } from './host-rules.ts';
import type { Report } from './report.ts';
import { checkSubsetName } from './scalar-rules.ts';

/** Where a route sends to: `host`, perhaps `subset` and `port`. Nothing is checked when it is absent. */
export function checkDestination(destination: Field, report: Report): void {
  if (!destination.isObject) return;
  const host = destination.get('host');
  if (host.text === '*') report.error(host, 'invalid destination host *, must name one host');
  else check(report, host, faultOfWildcardHost(host.text));
  const subset = destination.get('subset');
  if (subset.text !== '') checkSubsetName(subset, report);
  const port = destination.get('port');
  if (port.isObject) check(report, port.get('number'), faultOfPort(port.get('number').number));
}

/** The weighted destinations of a route of HTTP, TCP or TLS. */
export function checkWeightedDestinations(route: Field, report: Report): void {
  let total = 0;
  for (const item of route.items) {
    checkDestination(item.get('destination'), report);
    checkHeaderOperations(item.get('headers'), report);
    const weight = item.get('weight');
    if (weight.number < 0) report.error(weight, `weight ${weight.number} < 0, must be 0 or more`);
    total += weight.number;
  }
  if (route.items.length > 1 && total === 0)
    report.error(route, 'total destination weight = 0, give at least one of them a weight');
}
