import { matchesLabels } from '#shared/model/selector.ts';
import type { DestinationRule } from '#shared/model/resource.ts';
import { byAge } from '#shared/model/by-age.ts';
import { bySpecificity, coversHost, isWildcard, resolveHost } from '#shared/model/hostname.ts';
import { isExportedTo, type MeshService } from './mesh-service.ts';
import { overlay, type PolicyBlocks, type TrafficPolicy } from './traffic-policy.ts';

export type Subset = Readonly<{
  name: string;
  labels: Readonly<Record<string, string>>;
  trafficPolicy?: TrafficPolicy | undefined;
}>;

/** The rules for one host in one scope, merged: subsets together, the oldest traffic policy. */
export type MergedRule = Readonly<{
  /** Names of the merged rules; the same rules give the same id. */
  id: string;
  sources: readonly DestinationRule[];
  trafficPolicy?: TrafficPolicy | undefined;
  subsets: readonly Subset[];
}>;

/** Who asks for a rule. */
export type RuleClient = Readonly<{
  namespace: string;
  labels: Readonly<Record<string, string>>;
  rootNamespace: string;
}>;

type NamespaceRules = Readonly<{
  /** Rules without a workload selector, by full host, oldest first. */
  byHost: ReadonlyMap<string, readonly DestinationRule[]>;
  /** The wildcards among those hosts, the most specific first. */
  wildcards: readonly string[];
  /** Rules that select the workloads they are for; they are not seen from other namespaces. */
  selecting: readonly DestinationRule[];
  /** Some rule ranks endpoints by labels of the client. */
  ranksByLabels: boolean;
}>;

/** Rules by namespace. */
export type RulesByNamespace = ReadonlyMap<string, NamespaceRules>;

/** Sorts rules into namespaces. */
export function groupRules(rules: readonly DestinationRule[]): RulesByNamespace {
  const groups = Map.groupBy(rules.toSorted(byAge), (rule) => rule.metadata.namespace);
  return new Map([...groups].map(([namespace, group]) => [namespace, toNamespaceRules(group)]));
}

/**
 * The rule that holds for a client and a service: the client's namespace, then the service's, then the root namespace. The
 * first of them with any rule for the host wins whole: nothing is inherited across namespaces.
 */
export function ruleFor(rules: RulesByNamespace, client: RuleClient, service: MeshService): MergedRule | undefined {
  const { namespace, labels, rootNamespace } = client;
  const own = namespace === rootNamespace ? undefined : rules.get(namespace);
  const selecting = (own?.selecting ?? []).filter((rule) => matchesLabels(selectorOf(rule) ?? {}, labels));
  return (
    (selecting.length === 0 ? undefined : mergeIn(toNamespaceRules(selecting, true), service.host)) ??
    mergeIn(own, service.host) ??
    mergeIn(rules.get(service.namespace), service.host, namespace) ??
    mergeIn(rules.get(rootNamespace), service.host, namespace)
  );
}

/** The policy of a port, without a subset or with one. */
export function policyFor(rule: MergedRule | undefined, port: number, subset?: Subset): PolicyBlocks | undefined {
  const base = overlay(undefined, rule?.trafficPolicy, port);
  return subset === undefined ? base : overlay(base, subset.trafficPolicy, port);
}

/** Whether a rule can mean something else for two proxies of one namespace. */
export function dependsOnLabels(rules: RulesByNamespace, namespace: string): boolean {
  const hasSelecting = (rules.get(namespace)?.selecting.length ?? 0) > 0;
  return hasSelecting || [...rules.values()].some(({ ranksByLabels }) => ranksByLabels);
}

function toNamespaceRules(rules: readonly DestinationRule[], withSelector = false): NamespaceRules {
  const selecting = withSelector ? [] : rules.filter((rule) => selectorOf(rule) !== undefined);
  const open = withSelector ? rules : rules.filter((rule) => selectorOf(rule) === undefined);
  const byHost = Map.groupBy(open, (rule) => resolveHost(rule.spec.host, rule.metadata.namespace));
  const wildcards = [...byHost.keys()].filter(isWildcard).toSorted(bySpecificity);
  return { byHost, wildcards, selecting, ranksByLabels: rules.some(ranksByLabels) };
}

function ranksByLabels({ spec }: DestinationRule): boolean {
  const policies: (TrafficPolicy | undefined)[] = [spec.trafficPolicy];
  for (const { trafficPolicy } of spec.subsets ?? []) policies.push(trafficPolicy);
  const blocks: (PolicyBlocks | undefined)[] = [];
  for (const policy of policies) blocks.push(policy, ...(policy?.portLevelSettings ?? []));
  return blocks.some((block) => block?.loadBalancer?.localityLbSetting?.failoverPriority !== undefined);
}

/** The rules of the most specific host that covers this one, merged; only those exported to the client when one is named. */
function mergeIn(rules: NamespaceRules | undefined, host: string, client?: string): MergedRule | undefined {
  if (rules === undefined) {
    return undefined;
  }
  for (const pattern of [host, ...rules.wildcards.filter((wildcard) => coversHost(wildcard, host))]) {
    const found = (rules.byHost.get(pattern) ?? []).filter(
      ({ metadata, spec }) => client === undefined || isExportedTo(spec.exportTo ?? [], metadata.namespace, client),
    );
    if (found.length > 0) {
      return mergeRules(found);
    }
  }
  return undefined;
}

function mergeRules(sources: readonly DestinationRule[]): MergedRule {
  const subsets = new Map<string, Subset>();
  for (const { spec } of sources) {
    for (const { name, labels, trafficPolicy } of spec.subsets ?? []) {
      if (!subsets.has(name)) {
        subsets.set(name, { name, labels: labels ?? {}, trafficPolicy });
      }
    }
  }
  return {
    id: sources.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(','),
    sources,
    trafficPolicy: sources.map(({ spec }) => spec.trafficPolicy).find((policy) => policy !== undefined),
    subsets: [...subsets.values()],
  };
}

function selectorOf(rule: DestinationRule): Readonly<Record<string, string>> | undefined {
  return rule.spec.workloadSelector?.matchLabels;
}
