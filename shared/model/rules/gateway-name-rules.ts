import { isDnsLabelAnyCase } from '../dns-name.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn } from './host-rules.ts';
import type { Report } from './report.ts';

/** Names of gateways: `mesh`, a name, `namespace/name`, or (deprecated) a full DNS name. */
export function checkGatewayNames(names: Field, report: Report): void {
  for (const name of names.items) {
    const slash = name.text.indexOf('/');
    if (slash < 0) {
      if (check(report, name, faultOfFqdn(name.text)) && name.text.includes('.'))
        report.warn(name, `legacy form of a gateway name, prefer ${toSlashed(name.text)}`);
      continue;
    }
    const parts = [name.text.slice(0, slash), name.text.slice(slash + 1)];
    if (!parts.every(isDnsLabelAnyCase))
      report.error(name, `${JSON.stringify(name.text)} is not NAMESPACE/NAME with DNS labels`);
  }
}

function toSlashed(name: string): string {
  const [gateway = '', namespace = ''] = name.split('.');
  return `${namespace}/${gateway}`;
}
