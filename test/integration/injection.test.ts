import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { injectionWebhook } from '../../control-plane/injector/webhook.ts';
import { injectText } from '../../meshctl/inject/inject-text.ts';
import { corpus, corpusPods, readCorpus, type CorpusCase } from '../../shared/injection/corpus.fixture.ts';
import { applyPatch } from '../../shared/injection/json-patch.ts';
import type { Pod, PodMetadata } from '../../shared/injection/pod.ts';
import { podTemplatesOf, type PodTemplate } from '../../shared/injection/pod-templates.ts';
import { parseAdmissionReview, type PatchOperation } from '../../shared/kubernetes/admission-review.ts';

/**
 * The webhook and `meshctl inject` give the same pod for every input of Istio's injector: one is asked for the pods that the controllers
 * of Kubernetes make of a file, the other for the file.
 */

const hash = '6f7d9';

/** What a controller adds to the pods of its template: the labels of its own and the reference. */
function asCreated({ pod, owner }: PodTemplate): Pod {
  if (owner === null) return { apiVersion: 'v1', kind: 'Pod', ...pod };
  const { kind, name, apiVersion } = owner;
  const direct = { apiVersion, kind, name, labels: {} };
  const made: Record<string, typeof direct & { labels: Record<string, string> }> = {
    Deployment: { apiVersion, kind: 'ReplicaSet', name: `${name}-${hash}`, labels: { 'pod-template-hash': hash } },
    CronJob: { apiVersion: 'batch/v1', kind: 'Job', name: `${name}-28012345`, labels: {} },
    DeploymentConfig: {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      name: `${name}-1`,
      labels: { deploymentconfig: name },
    },
  };
  const { labels, ...reference } = made[kind] ?? direct;
  const metadata: PodMetadata = {
    ...pod.metadata,
    generateName: `${reference.name}-`,
    labels: { ...pod.metadata?.labels, ...labels },
    ownerReferences: [{ ...reference, controller: true }],
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: pod.spec };
}

/** The other way: what is left is the template. */
function asTemplate(pod: Pod, { pod: before }: PodTemplate): Pod {
  const { generateName: _g, ownerReferences: _o, labels = {}, ...metadata } = pod.metadata ?? {};
  const { 'pod-template-hash': _hash, deploymentconfig: _config, ...others } = labels;
  const kept = Object.keys(others).length > 0 ? { labels: others } : {};
  return {
    ...(before['kind'] === undefined ? {} : { apiVersion: 'v1', kind: 'Pod' }),
    metadata: { ...metadata, ...kept },
    spec: pod.spec,
  };
}

function byWebhook({ settings, facts }: CorpusCase, template: PodTemplate, isNative: boolean): Pod {
  const namespace = template.namespace ?? 'default';
  const annotations = facts.namespaceAnnotations ?? {};
  const webhook = injectionWebhook(() => settings, {
    namespaceOf: () => ({ labels: { 'istio-injection': 'enabled' }, annotations }),
    takesNativeSidecars: () => isNative,
  });
  const object = asCreated(template);
  const review = parseAdmissionReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: {},
      namespace,
      operation: 'CREATE',
      userInfo: {},
      object,
    },
  });
  assert.ok(review.ok);
  const { allowed, patch, status } = webhook(review.value).response ?? {};
  assert.equal(allowed, true, status?.message ?? '');
  const text = patch === undefined ? '[]' : Buffer.from(patch, 'base64').toString();
  return asTemplate(applyPatch(object, JSON.parse(text) as PatchOperation[]) as Pod, template);
}

function byCommand({ file, settings }: CorpusCase, isNative: boolean): Pod[] {
  const { text, problems } = injectText(readCorpus(file), {
    settings,
    namespace: 'default',
    takesNativeSidecars: isNative,
  });
  assert.deepEqual(problems, []);
  return parseAllDocuments(text).flatMap((document) => podTemplatesOf(document.toJS()).map(({ pod }) => pod));
}

for (const one of corpus) {
  test(`${one.file}: the webhook and the command give the same pods`, () => {
    for (const isNative of [true, false]) {
      const templates = corpusPods(one.file);
      assert.ok(templates.length > 0);
      assert.deepEqual(
        templates.map((template) => byWebhook(one, template, isNative)),
        byCommand(one, isNative),
      );
    }
  });
}
