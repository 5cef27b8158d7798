import { containerNames, sidecarUser } from '../kubernetes/names.ts';
import type { InterceptionMode } from './annotation-values.ts';
import type { InjectionFacts } from './facts.ts';
import type { InjectionSettings } from './injection-settings.ts';
import { findContainer, type Pod } from './pod.ts';

/** Who the sidecar runs as (`user`, `group`), and whose traffic capture leaves alone. */
export type ProxyIds = Readonly<{ user: number; group: number; captureUser: number; captureGroup: number }>;

type Circumstances = Readonly<{ facts: InjectionFacts; settings: InjectionSettings; mode: InterceptionMode }>;

/**
 * 1337, or on OpenShift the last of the ranges that the namespace was given, or what the pod's own `istio-proxy` container says (capture
 * must know it). With TPROXY the sidecar is root, for only root can keep a capability, and is known by its group
 * (Istio: GetProxyIDs, adjustInitContainerUser).
 */
export function proxyIds(pod: Pod, { facts, settings, mode }: Circumstances): ProxyIds {
  const annotations = settings.platform === 'openshift' && mode !== 'TPROXY' ? facts.namespaceAnnotations : {};
  const range = annotations['openshift.io/sa.scc.uid-range'];
  const user = lastOf(range) ?? sidecarUser;
  const group = lastOf(annotations['openshift.io/sa.scc.supplemental-groups']?.split(',')[0] ?? range) ?? sidecarUser;
  const own = findContainer(pod, containerNames.proxy)?.securityContext;
  const wanted = own?.runAsUser === 0 ? undefined : own?.runAsUser;
  return {
    user: mode === 'TPROXY' ? 0 : user,
    group,
    captureUser: wanted ?? user,
    captureGroup: own?.runAsGroup ?? (own?.runAsUser === undefined ? group : (wanted ?? group)),
  };
}

/** The last number of `FIRST/SIZE` or `FIRST-LAST`. */
function lastOf(range: string | undefined): number | null {
  const { first, sign, second } = /^(?<first>\d+)(?<sign>[/-])(?<second>\d+)$/.exec(range ?? '')?.groups ?? {};
  if (first === undefined || second === undefined) return null;
  return sign === '-' ? Number(second) : Number(first) + Number(second) - 1;
}

/**
 * OpenShift gives every container the same user when a pod is created, the user's own `istio-proxy` too: then it is nobody's wish, and
 * would leave the application's traffic uncaptured (Istio: isSidecarUserMatchingAppUser). Changes the pod.
 */
export function forgetSharedUser(pod: Pod, { platform }: InjectionSettings): void {
  const security = findContainer(pod, containerNames.proxy)?.securityContext;
  if (platform !== 'openshift' || security?.runAsUser === undefined) return;
  const isShared = (pod.spec.containers ?? []).some(
    ({ name, securityContext }) => name !== containerNames.proxy && securityContext?.runAsUser === security.runAsUser,
  );
  if (!isShared) return;
  delete security.runAsUser;
  delete security.runAsGroup;
}
