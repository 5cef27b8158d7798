import { isJsonObject, labelsOf, type Pod } from './pod.ts';

/** What a pod belongs to: a Deployment, a Job, or the pod itself. */
export type Workload = Readonly<{ apiVersion: string; kind: string; name: string }>;

/** A Job of a CronJob is called after the minute that it was made for. */
const scheduledJob = /^(?<name>.+)-\d{8,10}$/;

/**
 * What a pod belongs to, as far as its owner references tell (Istio's GetDeployMetaFromPod, pkg/kube/util.go): the Deployment of a
 * ReplicaSet by the hash in its name, the CronJob of a Job by the time in its name.
 */
export function workloadOf(pod: Pod): Workload {
  const { name = '', generateName = '', ownerReferences } = pod.metadata ?? {};
  const own: Workload = { apiVersion: 'v1', kind: 'Pod', name };
  if (generateName === '' || !Array.isArray(ownerReferences)) return own;
  const owner: unknown = ownerReferences.find((one: unknown) => isJsonObject(one) && one['controller'] === true);
  if (!isJsonObject(owner)) return own;
  const text = (field: string) => (typeof owner[field] === 'string' ? owner[field] : '');
  return topOwner({ apiVersion: text('apiVersion'), kind: text('kind'), name: text('name') }, labelsOf(pod));
}

function topOwner(owner: Workload, labels: Readonly<Record<string, string>>): Workload {
  if (owner.kind === 'ReplicaSet') {
    const deployment = withoutHash(owner.name, labels['pod-template-hash']);
    if (deployment !== null) return { ...owner, kind: 'Deployment', name: deployment };
    const rollout = withoutHash(owner.name, labels['rollouts-pod-template-hash']);
    if (rollout !== null) return { apiVersion: 'v1alpha1', kind: 'Rollout', name: rollout };
  }
  const config = labels['deploymentconfig'];
  if (owner.kind === 'ReplicationController' && config !== undefined && config !== '')
    return { ...owner, kind: 'DeploymentConfig', name: config };
  const scheduled = owner.kind === 'Job' ? scheduledJob.exec(owner.name)?.groups?.['name'] : undefined;
  return scheduled === undefined ? owner : { apiVersion: 'batch/v1', kind: 'CronJob', name: scheduled };
}

function withoutHash(name: string, hash: string | undefined): string | null {
  return hash !== undefined && hash !== '' && name.endsWith(`-${hash}`) ? name.slice(0, -hash.length - 1) : null;
}
