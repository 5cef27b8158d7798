import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import {
  containerNames,
  injectionLabels,
  injectorWebhook,
  revisionLabel,
  systemNamespaces,
} from '#shared/kubernetes/names.ts';
import { isInjectedNamespace } from './injection.ts';
import type { Facts } from './facts.ts';
import { hooksOf, type Hook } from './webhook-checks.ts';
import { error, some, warning, type Check, type Complaint } from './verdict.ts';

const category = 'namespaces';
const { own, istio } = injectionLabels;
const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** What the labels of namespaces say. */
export const namespaceChecks: readonly Check[] = [
  { category, name: 'no labels contradict each other', judge: ({ namespaces }) => namespaces.flatMap(judgeLabels) },
  {
    category,
    name: 'no other mesh injects where Tulle does',
    judge: (facts) => facts.mutatingWebhooks.flatMap((configuration) => judgeOther(facts, configuration)),
  },
  {
    category,
    name: 'pods with a sidecar may be created',
    judge: (facts) => facts.namespaces.flatMap((namespace) => judgeSecurity(facts, namespace)),
  },
];

function judgeLabels({ metadata }: ClusterObject): readonly Complaint[] {
  const labels = metadata.labels ?? {};
  const { name } = metadata;
  const complaints: Complaint[] = [];
  const drop = (label: string) => `kubectl label namespace ${name} ${label}-`;
  for (const label of [own, istio]) {
    const value = labels[label];
    if (value !== undefined && value !== 'enabled' && value !== 'disabled')
      complaints.push(
        warning(`namespace ${name}: ${label}=${value} says nothing`, `use enabled or disabled, or ${drop(label)}`),
      );
  }
  const [ours, theirs] = [labels[own], labels[istio]];
  if (ours !== undefined && theirs !== undefined && ours !== theirs)
    complaints.push(warning(`namespace ${name}: ${own}=${ours} and ${istio}=${theirs}: ours counts`, drop(istio)));
  const revision = labels[revisionLabel];
  const injection = ours ?? theirs;
  if (revision !== undefined && injection !== undefined) {
    const word = ours === undefined ? istio : own;
    complaints.push(
      warning(
        `namespace ${name}: ${word}=${injection} and ${revisionLabel}=${revision}: the revision is not looked at`,
        drop(revisionLabel),
      ),
    );
  }
  if (systemNamespaces.includes(name) && (ours === 'enabled' || theirs === 'enabled'))
    complaints.push(warning(`namespace ${name} is labelled for injection, but is never injected`, drop(own)));
  return complaints;
}

/** Webhooks of others that put proxies into pods, known by their names. */
const injectors = /sidecar-injector|proxy-injector|injector\.istio\.io|connect-inject|kuma|osm-injector/;

/** Configurations of other meshes that inject. */
export function otherInjectors(configurations: readonly ClusterObject[]): readonly ClusterObject[] {
  return configurations.filter(
    (configuration) =>
      configuration.metadata.name !== injectorWebhook.name &&
      hooksOf(configuration).some(({ name }) => injectors.test(name) || injectors.test(configuration.metadata.name)),
  );
}

function judgeOther(facts: Facts, configuration: ClusterObject): readonly Complaint[] {
  if (!otherInjectors([configuration]).includes(configuration)) return [];
  const { name } = configuration.metadata;
  const shared = facts.namespaces
    .filter((namespace) => isInjectedNamespace(namespace, facts))
    .filter(({ metadata }) => hooksOf(configuration).some((hook) => selects(hook, metadata.labels ?? {})))
    .map(({ metadata }) => metadata.name);
  if (shared.length === 0)
    return [warning(`another injector is there: ${name}`, 'it works beside Tulle as long as no namespace is of both')];
  const hint = `give each namespace to one mesh: label it ${own}=disabled, or take it from the other`;
  return [error(`pods in ${some(shared)} get a second proxy, by ${name}`, hint)];
}

type Expression = Readonly<{ key: string; operator: string; values?: readonly string[] }>;
type Selector = Readonly<{ matchLabels?: Readonly<Record<string, string>>; matchExpressions?: readonly Expression[] }>;

/** Whether a webhook looks at pods, which say nothing by themselves, of a namespace with these labels. */
function selects({ namespaceSelector, objectSelector }: Hook, labels: Readonly<Record<string, string>>): boolean {
  return matches(namespaceSelector, labels) && matches(objectSelector, {});
}

function matches(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = (selector ?? {}) as Selector;
  const isEqual = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return isEqual && matchExpressions.every((expression) => holds(expression, labels));
}

function holds({ key, operator, values = [] }: Expression, labels: Readonly<Record<string, string>>): boolean {
  const value = labels[key];
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  return (operator === 'Exists') === (value !== undefined);
}

/** The container that captures traffic needs NET_ADMIN, which the standards `baseline` and `restricted` refuse. */
function judgeSecurity(facts: Facts, namespace: ClusterObject): readonly Complaint[] {
  const enforced = namespace.metadata.labels?.[enforceLabel];
  if (!isInjectedNamespace(namespace, facts) || (enforced !== 'baseline' && enforced !== 'restricted')) return [];
  const { name } = namespace.metadata;
  const message = `namespace ${name} enforces ${enforced}: ${containerNames.capture} needs NET_ADMIN, its pods are refused`;
  return [error(message, `kubectl label namespace ${name} ${enforceLabel}=privileged --overwrite`)];
}
