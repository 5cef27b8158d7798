import { isDnsLabelAnyCase } from '../dns-name.ts';
import type { Field } from './field.ts';
import { check, faultOfWildcardHost } from './host-rules.ts';
import type { Report } from './report.ts';

/** The hosts of an egress listener: `NAMESPACE/HOST`, where either may be `*`. */
export function checkEgressHosts(hosts: Field, namespace: string, report: Report): void {
  if (hosts.items.length === 0) report.error(hosts, 'egress listener must contain at least one host');
  const seen = new Map<string, Set<string>>();
  for (const host of hosts.items) {
    const slash = host.text.indexOf('/');
    if (slash < 0) report.error(host, 'host must be of form namespace/dnsName');
    else checkHost(host, { scope: host.text.slice(0, slash), name: host.text.slice(slash + 1) }, report);
    const scope = host.text.slice(0, Math.max(slash, 0));
    warnOfDuplicate(host, seen, scope === '.' ? namespace : scope, report);
  }
  if (seen.get('*')?.has('*') === true && seen.size > 1)
    report.warn(hosts, '`*/*` host select all resources, no other hosts can be added');
}

function checkHost(host: Field, { scope, name }: Readonly<{ scope: string; name: string }>, report: Report): void {
  if (scope === '' || name === '') return report.error(host, 'namespace and dnsName in host entry cannot be empty');
  if (!['*', '.', '~'].includes(scope) && !isDnsLabelAnyCase(scope))
    report.error(host, `invalid namespace value ${JSON.stringify(scope)} in sidecar`);
  if (name === '*') return;
  if (!name.includes('.')) report.error(host, 'short names (non FQDN) are not allowed');
  check(report, host, faultOfWildcardHost(name));
  if (name.includes('*') && !name.startsWith('*.'))
    report.error(host, `partial wildcard ${JSON.stringify(name)} not allowed`);
}

function warnOfDuplicate(host: Field, seen: Map<string, Set<string>>, scope: string, report: Report): void {
  const name = host.text.slice(host.text.indexOf('/') + 1);
  const names = seen.get(scope) ?? new Set<string>();
  seen.set(scope, names);
  const isCovered = name === '*' ? names.size > 0 : names.has(name) || names.has('*');
  if (isCovered) report.warn(host, `duplicated egress host: ${host.text}`);
  names.add(name);
}
