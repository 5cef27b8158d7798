import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { containerNames, controlPlaneName } from '#shared/kubernetes/names.ts';
import { whyNotReady } from '../install/workload.ts';
import { fullName, named, type Facts } from './facts.ts';
import { isAlive, isInjected, shouldBeInjected } from './injection.ts';
import { readReplicaReports } from './replica-reports.ts';
import { error, some, warning, type Check, type Verdict } from './verdict.ts';

const category = 'sidecars';
const noPods = { skipped: 'no pod has a sidecar' };

/** Sidecars of pods that live. */
const injectedPods = ({ pods }: Facts) => pods.filter((pod) => isAlive(pod) && isInjected(pod));

/** The pods of the mesh. */
export const dataPlaneChecks: readonly Check[] = [
  {
    category,
    name: 'no pod missed its sidecar',
    judge: (facts) => {
      const missed = facts.pods.filter((pod) => isAlive(pod) && !isInjected(pod) && shouldBeInjected(pod, facts));
      if (missed.length === 0) return [];
      const hint =
        'they were created before the label, or while the injector was away: kubectl rollout restart what they belong to';
      return [warning(`no sidecar in ${some(missed.map(fullName))}`, hint)];
    },
  },
  { category, name: 'the sidecars are ready', judge: judgeReadiness },
  { category, name: 'the sidecars are connected', judge: judgeConnections },
  { category, name: 'the sidecars are of the version of the control plane', judge: judgeVersions },
  {
    category,
    name: 'none refuses its configuration',
    judge: judgeRefusals,
  },
  { category, name: 'strict mutual TLS leaves nobody out', judge: judgeStrict },
];

type Statuses = Readonly<{
  containerStatuses?: readonly Readonly<{ name: string; ready?: boolean }>[];
  initContainerStatuses?: readonly Readonly<{ name: string; ready?: boolean; started?: boolean }>[];
}>;

/** A native sidecar is an init container. */
function isSidecarReady(pod: ClusterObject): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = (pod['status'] ?? {}) as Statuses;
  return [...containerStatuses, ...initContainerStatuses].some(
    ({ name, ready }) => name === containerNames.proxy && ready === true,
  );
}

function judgeReadiness(facts: Facts): Verdict {
  const pods = injectedPods(facts);
  if (pods.length === 0) return noPods;
  return pods
    .filter((pod) => !isSidecarReady(pod))
    .map((pod) => {
      const { namespace = '', name } = pod.metadata;
      const hint = `kubectl -n ${namespace} logs ${name} -c ${containerNames.proxy} (or -c ${containerNames.capture})`;
      return error(`${fullName(pod)}: ${whyNotReady(pod) ?? 'its sidecar is not ready'}`, hint);
    });
}

function judgeConnections(facts: Facts): Verdict {
  const pods = injectedPods(facts).filter(isSidecarReady);
  if (pods.length === 0) return noPods;
  if ('unknown' in facts.proxies) return judgeByReports(pods.length, facts);
  const connected = new Set(facts.proxies.proxies.map(({ name, namespace }) => `${namespace}/${name}`));
  const lost = pods.map(fullName).filter((name) => !connected.has(name));
  if (lost.length === 0) return [];
  const hint =
    'they keep what they have, but hear of no change: see the log of their istio-proxy, and the checks of certificates';
  return [error(`not connected to the control plane: ${some(lost)}`, hint)];
}

/** Who is not connected cannot be told where the replicas cannot be asked, but that somebody is not. */
function judgeByReports(ready: number, { leases, proxies }: Facts): Verdict {
  const reports = readReplicaReports(leases);
  if (reports === null) return { skipped: 'unknown' in proxies ? proxies.unknown : '' };
  if (reports.proxies >= ready) return [];
  const message = `${reports.proxies} of ${ready} sidecars that are ready are connected to the control plane`;
  return [error(message, '`meshctl proxy status` through `kubectl port-forward` shows which')];
}

function judgeRefusals({ proxies, leases }: Facts): Verdict {
  const hint = '`meshctl proxy status` shows what each has';
  if ('unknown' in proxies) {
    const reports = readReplicaReports(leases);
    if (reports === null) return { skipped: proxies.unknown };
    return reports.refusals.map((refusal) => error(`a sidecar refuses what it was sent: ${refusal}`, hint));
  }
  return proxies.proxies.flatMap(({ name, namespace, types }) =>
    Object.values(types)
      .filter(({ refused }) => refused !== '')
      .map(({ refused }) => error(`${namespace}/${name} refuses what it was sent: ${refused}`, hint)),
  );
}

function judgeVersions(facts: Facts): Verdict {
  const { proxies } = facts;
  if ('unknown' in proxies) return { skipped: proxies.unknown };
  const installed = named(facts.deployments, controlPlaneName)?.metadata.labels?.['app.kubernetes.io/version'];
  const others = proxies.proxies.filter(({ version }) => version !== '' && version !== (installed ?? facts.version));
  if (others.length === 0) return [];
  const names = some(others.map(({ namespace, name, version }) => `${namespace}/${name} (${version})`));
  return [warning(`of another version: ${names}`, 'kubectl rollout restart what they belong to')];
}

type PolicySpec = Readonly<{ mtls?: Readonly<{ mode?: string }>; selector?: object }>;

/** Pods without a sidecar have no certificate: whoever is called by them refuses them. */
function judgeStrict(facts: Facts): Verdict {
  const strict = facts.resources.filter((resource) => {
    const { mtls, selector } = (resource['spec'] ?? {}) as PolicySpec;
    return resource.kind === 'PeerAuthentication' && mtls?.mode === 'STRICT' && selector === undefined;
  });
  if (strict.length === 0) return [];
  const isMeshWide = strict.some(({ metadata }) => metadata.namespace === facts.namespace);
  const namespaces = new Set(strict.map(({ metadata }) => metadata.namespace));
  const without = facts.pods.filter(
    (pod) =>
      isAlive(pod) &&
      !isInjected(pod) &&
      pod.metadata.namespace !== facts.namespace &&
      pod.metadata.namespace !== 'kube-system' &&
      (isMeshWide || namespaces.has(pod.metadata.namespace)),
  );
  if (without.length === 0) return [];
  const where = isMeshWide ? 'of the whole mesh' : `in ${[...namespaces].join(', ')}`;
  const hint = 'give them a sidecar, or let PERMISSIVE stand until they have one';
  return [warning(`with STRICT ${where}, what these pods call refuses them: ${some(without.map(fullName))}`, hint)];
}
