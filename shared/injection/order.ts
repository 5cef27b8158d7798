import { containerNames } from '../kubernetes/names.ts';
import { annotation } from './annotations.ts';
import { listOf } from './annotation-values.ts';
import type { Container, Pod } from './pod.ts';

/**
 * Puts the injected containers in their places (Istio: reorderPod).
 *
 * Native: capture, the sidecar, then all other init containers, which have the mesh. Classic: capture is the last init container, so that
 * those before it have the network as it is; the sidecar is the first container where the application waits for it, else the last.
 */
export function orderContainers(pod: Pod, isHeld: boolean): void {
  const { containers = [], initContainers = [] } = pod.spec;
  const { proxy, capture } = containerNames;
  pod.spec.containers = isHeld ? first(containers, [proxy]) : last(containers, proxy);
  if (initContainers.length === 0) return;
  const before = listOf(annotation(pod, 'sidecar.istio.io/init-containers-before-proxy') ?? '');
  pod.spec.initContainers = initContainers.some(({ name }) => name === proxy)
    ? first(initContainers, [capture, ...before, proxy])
    : last(initContainers, capture);
}

function first(containers: readonly Container[], names: readonly string[]): Container[] {
  const chosen = [...new Set(names)].flatMap((name) => containers.filter((one) => one.name === name));
  return [...chosen, ...containers.filter((one) => !chosen.includes(one))];
}

function last(containers: readonly Container[], name: string): Container[] {
  return [...containers.filter((one) => one.name !== name), ...containers.filter((one) => one.name === name)];
}
