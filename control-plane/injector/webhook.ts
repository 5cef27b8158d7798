import { inject } from '#shared/injection/inject.ts';
import type { Decision } from '#shared/injection/decide.ts';
import type { InjectionFacts } from '#shared/injection/facts.ts';
import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import { isPod } from '#shared/injection/pod.ts';
import { allow, patchWith, refuse, type AdmissionReview } from '#shared/kubernetes/admission-review.ts';
import { systemNamespaces } from '#shared/kubernetes/names.ts';
import { formatProblems } from '#shared/runtime/result.ts';

/** What is known of a namespace. */
export type NamespaceFacts = Readonly<{
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
}>;

/** What the webhook asks of the cluster; answers are at hand, nothing is waited for. */
export type ClusterFacts = Readonly<{
  /** Null: not known (yet); then what the API server's selectors let through is judged by the pod alone. */
  namespaceOf: (name: string) => NamespaceFacts | null;
  /** Whether every node runs restartable init containers. */
  takesNativeSidecars: () => boolean;
}>;

/** What became of a pod, for metrics and logs. */
export type InjectionEvent = Readonly<{
  namespace: string;
  /** Empty where the API server is to make it up: `generateName` then. */
  name: string;
  outcome: 'injected' | 'skipped' | 'refused';
  /** Null: refused before it was decided, or refused for what it says. */
  decision: Decision | null;
  message: string;
}>;

/**
 * The function that answers `POST /inject`: pods that are created get their sidecar by a patch, or are refused with everything that is
 * wrong with their annotations. Namespaces of Kubernetes and of the mesh itself are let through before anything is looked at, and so is
 * whatever is no pod that is created.
 */
export function injectionWebhook(
  settings: () => InjectionSettings,
  cluster: ClusterFacts,
  report: (event: InjectionEvent) => void = () => {},
): (review: AdmissionReview) => AdmissionReview {
  return function answerInjection(review) {
    const { namespace, operation, kind, subResource, object: pod } = review.request;
    if (systemNamespaces.includes(namespace)) return allow(review);
    if (operation !== 'CREATE' || kind.kind !== 'Pod' || kind.group !== '' || subResource !== '' || !isPod(pod))
      return allow(review);
    const event = { namespace, name: pod.metadata?.name ?? pod.metadata?.generateName ?? '' };
    const result = inject(pod, factsOf(namespace, cluster), settings());
    if (!result.ok) {
      const message = formatProblems(result.problems);
      report({ ...event, outcome: 'refused', decision: null, message });
      return refuse(review, `the sidecar cannot be injected: ${message}`);
    }
    const { decision, patch } = result.value;
    report({ ...event, outcome: decision.inject ? 'injected' : 'skipped', decision, message: decision.message });
    return patchWith(
      review,
      patch,
      result.warnings.map((one) => formatProblems([one])),
    );
  };
}

function factsOf(namespace: string, { namespaceOf, takesNativeSidecars }: ClusterFacts): InjectionFacts {
  const known = namespaceOf(namespace);
  return {
    namespace,
    namespaceLabels: known?.labels ?? null,
    namespaceAnnotations: known?.annotations ?? {},
    owner: null,
    takesNativeSidecars: takesNativeSidecars(),
  };
}
