import type { Labels } from '../model/selector.ts';
import type { Workload } from './workload.ts';

/** What the injector is told about a pod beside the pod itself. */
export type InjectionFacts = Readonly<{
  /** Where the pod will be. */
  namespace: string;
  /** Labels of that namespace; null: not known, what the API server's selectors let through is judged by the pod alone. */
  namespaceLabels: Labels | null;
  /** Annotations of that namespace (ranges of user ids on OpenShift). */
  namespaceAnnotations: Readonly<Record<string, string>>;
  /** What the pod belongs to; null: as its owner references tell. */
  owner: Workload | null;
  /** Whether every node runs restartable init containers (on by default since Kubernetes 1.29). */
  takesNativeSidecars: boolean;
}>;
