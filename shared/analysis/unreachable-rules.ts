import type { VirtualService } from '../model/resource.ts';
import { finding, type Finding, type Place } from './finding.ts';
import type { MeshView } from './mesh-view.ts';

type HttpRule = NonNullable<VirtualService['spec']['http']>[number];
type HttpMatch = NonNullable<HttpRule['match']>[number];
type Rule = Readonly<{ name?: string | undefined; match?: readonly object[] | undefined }>;

/**
 * IST0130: a rule that no request reaches, because an earlier rule takes everything or its matches all stand earlier.
 * IST0131: a match that stands earlier already, or lies below the prefix of an earlier one.
 */
export function findUnreachableRules(view: MeshView): readonly Finding[] {
  return view.ofKind('VirtualService').flatMap((resource) => {
    const { http = [], tcp = [], tls = [] } = resource.spec;
    return [
      ...unreachable(http, { resource, path: 'spec.http' }),
      ...unreachable(tcp, { resource, path: 'spec.tcp' }),
      ...unreachable(tls, { resource, path: 'spec.tls' }),
      ...covered(http, { resource, path: 'spec.http' }),
    ];
  });
}

function unreachable(rules: readonly Rule[], { resource, path }: Place): readonly Finding[] {
  const findings: Finding[] = [];
  const earlier = new Map<string, number>();
  let catchAll: number | undefined;
  for (const [index, rule] of rules.entries()) {
    const place = { resource, path: `${path}[${index}]` };
    if (catchAll !== undefined) {
      const message = `rule ${nameOf(rule, index)} is never reached: rule ${nameOf(rules[catchAll], catchAll)} takes everything`;
      findings.push(finding(place, 'warning', 'IST0130', message));
      continue;
    }
    if (isCatchAll(rule)) catchAll = index;
    findings.push(...repeated(rule, { place, index, rules, earlier }));
  }
  return findings;
}

function repeated(
  rule: Rule,
  context: Readonly<{ place: Place; index: number; rules: readonly Rule[]; earlier: Map<string, number> }>,
): readonly Finding[] {
  const { place, index, rules, earlier } = context;
  const { match = [] } = rule;
  const findings: Finding[] = [];
  for (const [at, condition] of match.entries()) {
    const key = keyOf(condition);
    const first = earlier.get(key);
    if (first === undefined) earlier.set(key, index);
    else {
      const message = `match is never used: it stands in rule ${nameOf(rules[first], first)} already`;
      findings.push(finding({ ...place, path: `${place.path}.match[${at}]` }, 'warning', 'IST0131', message));
    }
  }
  if (match.length > 0 && findings.length === match.length) {
    const message = `rule ${nameOf(rule, index)} is never reached: all its matches stand in earlier rules`;
    findings.push(finding(place, 'warning', 'IST0130', message));
  }
  return findings;
}

/** A rule without matches, or with one that wants nothing. */
function isCatchAll({ match = [] }: Rule): boolean {
  return match.length === 0 || match.some((condition) => keyOf(condition) === '[]' || keyOf(condition) === anyPath);
}

const anyPath = JSON.stringify([['uri', [['prefix', '/']]]]);

/** A match as text that does not depend on the order of names, without its own name. */
function keyOf(condition: object): string {
  return JSON.stringify(sorted(condition, ['name', 'statPrefix']));
}

function sorted(value: unknown, leftOut: readonly string[] = []): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  return Object.entries(value)
    .filter(([name]) => !leftOut.includes(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}

/** A prefix below the prefix of an earlier rule, all else equal. */
function covered(rules: readonly HttpRule[], { resource, path }: Place): readonly Finding[] {
  const earlier: Readonly<{ prefix: string; rest: string; rule: string }>[] = [];
  const findings: Finding[] = [];
  for (const [index, rule] of rules.entries()) {
    for (const [at, condition] of (rule.match ?? []).entries()) {
      const prefix = condition.uri?.prefix;
      if (prefix === undefined) continue;
      const rest = restOf(condition);
      const cover = earlier.find(
        (other) => other.rest === rest && prefix !== other.prefix && prefix.startsWith(other.prefix),
      );
      earlier.push({ prefix, rest, rule: nameOf(rule, index) });
      if (cover === undefined) continue;
      const message = `match is never used: prefix ${prefix} lies below ${cover.prefix} of rule ${cover.rule}`;
      findings.push(finding({ resource, path: `${path}[${index}].match[${at}]` }, 'warning', 'IST0131', message));
    }
  }
  return findings;
}

function restOf(condition: HttpMatch): string {
  const { uri: _uri, ...rest } = condition;
  return keyOf(rest);
}

function nameOf(rule: Rule | undefined, index: number): string {
  return rule?.name === undefined || rule.name === '' ? `#${index}` : JSON.stringify(rule.name);
}
