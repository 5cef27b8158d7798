import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workloadOf } from './workload.ts';

type Owner = Readonly<{ apiVersion: string; kind: string; name: string }>;

const of = (owner: Owner | null, labels: Record<string, string> = {}, controller = true) =>
  workloadOf({
    metadata: {
      name: 'pod-x',
      generateName: 'pod-',
      labels,
      ...(owner === null ? {} : { ownerReferences: [{ ...owner, controller }] }),
    },
    spec: {},
  });

test('a pod by itself is its own', () => {
  assert.deepEqual(of(null), { apiVersion: 'v1', kind: 'Pod', name: 'pod-x' });
  assert.deepEqual(of({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a' }, {}, false), {
    apiVersion: 'v1',
    kind: 'Pod',
    name: 'pod-x',
  });
});

test('a ReplicaSet with the hash of its pods in its name is a Deployment, of Argo a Rollout', () => {
  const set = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'shop-6f7' };
  assert.deepEqual(of(set, { 'pod-template-hash': '6f7' }), {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: 'shop',
  });
  assert.deepEqual(of(set, { 'rollouts-pod-template-hash': '6f7' }), {
    apiVersion: 'v1alpha1',
    kind: 'Rollout',
    name: 'shop',
  });
  assert.deepEqual(of(set, { 'pod-template-hash': 'other' }), set);
});

test('a Job with a time in its name is a CronJob, and a ReplicationController may be a DeploymentConfig', () => {
  assert.deepEqual(of({ apiVersion: 'batch/v1', kind: 'Job', name: 'report-27112233' }), {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    name: 'report',
  });
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'report-1' };
  assert.deepEqual(of(job), job);
  assert.deepEqual(of({ apiVersion: 'v1', kind: 'ReplicationController', name: 'a-3' }, { deploymentconfig: 'a' }), {
    apiVersion: 'v1',
    kind: 'DeploymentConfig',
    name: 'a',
  });
});
