/** What an API server that knows no native sidecars can hold of a pod that has some. */
import type { Container, Pod } from './objects.ts';

/** Fields that it refuses in init containers, or drops. */
const unknown = new Set(['restartPolicy', 'startupProbe', 'livenessProbe', 'readinessProbe', 'lifecycle']);

/** The pod without restart policies, probes and hooks of its init containers, bound to a node. */
export function mirrorOf(pod: Pod, nodeName: string): Pod {
  const initContainers = pod.spec?.initContainers?.map((container) => {
    const kept = Object.entries(container).filter(([field]) => !unknown.has(field));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a container without some optional fields
    return Object.fromEntries(kept) as Container;
  });
  const spec = { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName };
  return {
    ...pod,
    apiVersion: 'v1',
    kind: 'Pod',
    spec: initContainers === undefined ? spec : { ...spec, initContainers },
  };
}
