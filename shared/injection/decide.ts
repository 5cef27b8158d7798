import { injectionLabels, injectLabel, ownName, revisionLabel, systemNamespaces } from '../kubernetes/names.ts';
import type { Labels } from '../model/selector.ts';
import { selectsLabels, type LabelSelector } from '../model/label-selector.ts';
import type { InjectionFacts } from './facts.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { annotationsOf, labelsOf, type Pod } from './pod.ts';

/** Which rule decided. */
export type DecisionReason =
  | 'host-network'
  | 'system-namespace'
  | 'namespace-disabled'
  | 'namespace-not-enabled'
  | 'other-revision'
  | 'pod-label'
  | 'pod-annotation'
  | 'never-selector'
  | 'always-selector'
  | 'policy';

/** Whether a pod gets a sidecar, and why. */
export type Decision = Readonly<{ inject: boolean; reason: DecisionReason; message: string }>;

/** What YAML takes for true (http://yaml.org/type/bool.html), as Istio's injector does. */
const yes = ['y', 'yes', 'true', 'on'];
const no = ['n', 'no', 'false', 'off'];

/**
 * Whether a pod gets a sidecar: the order is that of Istio's `injectRequired` (pkg/kube/inject/inject.go), after what its webhook's
 * namespace and object selectors would keep away (charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml), where the
 * labels of the namespace are known.
 */
export function decide(pod: Pod, facts: InjectionFacts, settings: InjectionSettings): Decision {
  const labels = labelsOf(pod);
  if (pod.spec.hostNetwork === true)
    return skip('host-network', 'the pod is in the network of its host, whose traffic must not be captured');
  if (systemNamespaces.includes(facts.namespace))
    return skip('system-namespace', `namespace ${facts.namespace} is never injected`);
  return (
    byNamespace(labels, facts, settings) ??
    byPod(pod) ??
    bySelectors(labels, settings) ??
    (settings.policy === 'enabled'
      ? take('policy', 'the policy is to inject')
      : skip('policy', 'the policy is to inject only what asks for it'))
  );
}

/** A doubtful value of what decides, in words; null where there is none. */
export function doubtOfDecision(pod: Pod): string | null {
  const { name, value } = wishOf(pod);
  const isKnown = value === '' || [...yes, ...no].includes(value.toLowerCase());
  return isKnown ? null : `${name}: ${JSON.stringify(value)} is taken for false, write "true" or "false"`;
}

const take = (reason: DecisionReason, message: string): Decision => ({ inject: true, reason, message });
const skip = (reason: DecisionReason, message: string): Decision => ({ inject: false, reason, message });

/** What the webhook's selectors say; null: they let the pod through. */
function byNamespace(
  labels: Labels,
  { namespace, namespaceLabels }: InjectionFacts,
  { revision }: InjectionSettings,
): Decision | null {
  if (namespaceLabels === null) return null;
  const isWanted = wishOfLabels(labels);
  const injection = namespaceLabels[injectionLabels.own] ?? namespaceLabels[injectionLabels.istio];
  if (injection === 'disabled') return skip('namespace-disabled', `namespace ${namespace} is labelled as not injected`);
  if (injection === 'enabled') return null;
  const wanted = namespaceLabels[ownName(revisionLabel)] ?? namespaceLabels[revisionLabel];
  if (wanted !== undefined)
    return wanted === revision
      ? null
      : skip('other-revision', `namespace ${namespace} is of revision ${wanted}, this injector of ${revision}`);
  const own = labels[ownName(revisionLabel)] ?? labels[revisionLabel];
  if (own !== undefined && own !== revision)
    return skip('other-revision', `the pod is of revision ${own}, this injector of ${revision}`);
  if (own === revision || isWanted === 'true') return null;
  return skip(
    'namespace-not-enabled',
    `namespace ${namespace} has no label ${injectionLabels.own}=enabled (or ${injectionLabels.istio})`,
  );
}

function wishOfLabels(labels: Labels): string | undefined {
  return labels[ownName(injectLabel)] ?? labels[injectLabel];
}

/** What a pod says of itself: its label before its annotation, our name before Istio's. */
function wishOf(pod: Pod): Readonly<{ reason: 'pod-label' | 'pod-annotation'; name: string; value: string }> {
  for (const [reason, texts] of [
    ['pod-label', labelsOf(pod)],
    ['pod-annotation', annotationsOf(pod)],
  ] as const) {
    for (const name of [ownName(injectLabel), injectLabel]) {
      const value = texts[name];
      if (value !== undefined)
        return { reason, name: `${reason === 'pod-label' ? 'label' : 'annotation'} ${name}`, value };
    }
  }
  return { reason: 'pod-label', name: '', value: '' };
}

function byPod(pod: Pod): Decision | null {
  const { reason, name, value } = wishOf(pod);
  if (value === '') return null;
  const decision = yes.includes(value.toLowerCase()) ? take : skip;
  return decision(reason, `${name} of the pod is ${JSON.stringify(value)}`);
}

/** Istio's injector passes over empty selectors, which elsewhere select everything. */
function selects(selector: LabelSelector, labels: Labels): boolean {
  const isEmpty = Object.keys(selector.matchLabels).length + selector.matchExpressions.length === 0;
  return !isEmpty && selectsLabels(selector, labels);
}

function bySelectors(
  labels: Labels,
  { neverInjectSelector, alwaysInjectSelector }: InjectionSettings,
): Decision | null {
  if (neverInjectSelector.some((selector) => selects(selector, labels)))
    return skip('never-selector', 'the labels of the pod match neverInjectSelector');
  if (alwaysInjectSelector.some((selector) => selects(selector, labels)))
    return take('always-selector', 'the labels of the pod match alwaysInjectSelector');
  return null;
}
