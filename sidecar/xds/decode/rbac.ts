import type { RbacConfig, RbacPermission, RbacPrincipal } from '../../snapshot/http-filter.ts';
import type { StringMatch } from '../../snapshot/matchers.ts';
import { decodeHeaderMatch, decodeStringMatch } from './matchers.ts';
import type { Reader } from './reader.ts';

/** The RBAC filter, HTTP or network. Null when it has no enforced rules. */
export function decodeRbac(reader: Reader): RbacConfig | null {
  reader.ignore('shadow_rules', 'shadow_rules_stat_prefix', 'rules_stat_prefix', 'stat_prefix', 'track_per_rule_stats');
  const rules = reader.message('rules');
  reader.done();
  if (rules === null) return null;
  const action = rules.string('action', 'ALLOW');
  if (action !== 'ALLOW' && action !== 'DENY' && action !== 'LOG') rules.refuse('action', 'must be ALLOW, DENY or LOG');
  const policies = rules.messageMap('policies').map(([name, policy]) => {
    const permissions = policy.messages('permissions').map(decodePermission);
    const principals = policy.messages('principals').map(decodePrincipal);
    policy.done();
    return { name, permissions, principals };
  });
  rules.done();
  return {
    action: action === 'DENY' || action === 'LOG' ? action : 'ALLOW',
    policies: policies.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function set<T>(reader: Reader, field: string, list: string, one: (item: Reader) => T): readonly T[] | null {
  const group = reader.message(field);
  if (group === null) return null;
  const items = group.messages(list).map(one);
  group.done();
  return items;
}

function decodePermission(reader: Reader): RbacPermission {
  const permission = readPermission(reader);
  reader.done();
  if (permission === null) reader.refuse('', 'is a permission of a kind that is not supported');
  return permission ?? { kind: 'not', rule: { kind: 'any' } };
}

function readPermission(reader: Reader): RbacPermission | null {
  if (reader.has('any')) return reader.bool('any') ? { kind: 'any' } : null;
  const and = set(reader, 'and_rules', 'rules', decodePermission);
  if (and !== null) return { kind: 'and', rules: and };
  const or = set(reader, 'or_rules', 'rules', decodePermission);
  if (or !== null) return { kind: 'or', rules: or };
  const not = reader.message('not_rule');
  if (not !== null) return { kind: 'not', rule: decodePermission(not) };
  const header = reader.message('header');
  if (header !== null) return { kind: 'header', header: decodeHeaderMatch(header) };
  const path = decodeUrlPath(reader);
  if (path !== null) return { kind: 'path', path };
  const cidr = decodeCidr(reader, 'destination_ip');
  if (cidr !== null) return { kind: 'destinationIp', cidr };
  const serverName = reader.message('requested_server_name');
  if (serverName !== null) return { kind: 'serverName', match: decodeStringMatch(serverName) };
  return reader.has('destination_port') ? { kind: 'destinationPort', port: reader.number('destination_port') } : null;
}

function decodePrincipal(reader: Reader): RbacPrincipal {
  const principal = readPrincipal(reader);
  reader.done();
  if (principal === null) reader.refuse('', 'is a principal of a kind that is not supported');
  return principal ?? { kind: 'not', rule: { kind: 'any' } };
}

function readPrincipal(reader: Reader): RbacPrincipal | null {
  if (reader.has('any')) return reader.bool('any') ? { kind: 'any' } : null;
  const and = set(reader, 'and_ids', 'ids', decodePrincipal);
  if (and !== null) return { kind: 'and', rules: and };
  const or = set(reader, 'or_ids', 'ids', decodePrincipal);
  if (or !== null) return { kind: 'or', rules: or };
  const not = reader.message('not_id');
  if (not !== null) return { kind: 'not', rule: decodePrincipal(not) };
  const authenticated = reader.message('authenticated');
  if (authenticated !== null) {
    const name = authenticated.message('principal_name');
    authenticated.done();
    return { kind: 'authenticated', name: name === null ? null : decodeStringMatch(name) };
  }
  const header = reader.message('header');
  if (header !== null) return { kind: 'header', header: decodeHeaderMatch(header) };
  const path = decodeUrlPath(reader);
  return path === null ? decodeAddress(reader) : { kind: 'path', path };
}

function decodeAddress(reader: Reader): RbacPrincipal | null {
  const kinds = { direct_remote_ip: 'directRemoteIp', remote_ip: 'remoteIp', source_ip: 'sourceIp' } as const;
  for (const [field, kind] of Object.entries(kinds)) {
    const cidr = decodeCidr(reader, field);
    if (cidr !== null) return { kind, cidr };
  }
  return null;
}

function decodeUrlPath(reader: Reader): StringMatch | null {
  const urlPath = reader.message('url_path');
  const path = urlPath?.message('path') ?? null;
  urlPath?.done();
  return path === null ? null : decodeStringMatch(path);
}

/** `envoy.config.core.v3.CidrRange` as `address/bits`. */
export function decodeCidr(reader: Reader, field: string): string | null {
  const range = reader.message(field);
  if (range === null) return null;
  return readCidr(range);
}

export function readCidr(range: Reader): string {
  const cidr = `${range.string('address_prefix')}/${range.number('prefix_len')}`;
  range.done();
  return cidr;
}
