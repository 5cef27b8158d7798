import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { injectText } from '../../meshctl/inject/inject-text.ts';
import { corpus, readCorpus } from '../../shared/injection/corpus.fixture.ts';
import { ApiServer, kubectl, withoutKubernetes } from '../support/kubernetes/api-server.ts';

/**
 * A real API server takes what was injected: every input of Istio's injector, as it comes out, checked by the server and not stored. It is a
 * 1.20: of native sidecars it refuses what an init container may not have there, and must find nothing else.
 */

/** An OpenShift kind that a plain API server has not. */
const isServed = (file: string) => !file.startsWith('deploymentconfig');
/** 1.20 has CronJobs of v1beta1 only. */
const forOldServer = (text: string) =>
  text.replace('apiVersion: batch/v1\nkind: CronJob', 'apiVersion: batch/v1beta1\nkind: CronJob');
/** What 1.20 lets no init container have. */
const ofNative = /initContainers\[\d+\]\.(?:lifecycle|livenessProbe|readinessProbe|startupProbe): Invalid value/;
/** Admission gives pods a service account elsewhere, not on this server. */
const notOurs = /serviceAccountToken: Forbidden/;
/** One input has an absolute path in its annotation, which Kubernetes has never taken. */
const readInput = (file: string) => readCorpus(file).replace('"/some-path"', '"some-path"');
const complaint =
  /(?:spec|metadata)(?:\.[\w]+|\[\d+\])*: (?:Invalid|Required|Unsupported|Duplicate) value|(?:spec|metadata)(?:\.[\w]+|\[\d+\])*: (?:Forbidden|Not found)/g;

describe('injected pods on a real API server', { skip: withoutKubernetes ?? false }, () => {
  let server: ApiServer;
  before(async () => {
    server = await ApiServer.start();
    for (const name of ['test', 'test-ns'])
      await server.objects().create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  });
  after(() => server.close());

  /** What the server says against it: places and kinds of what is wrong. */
  function complaints(text: string): string[] {
    const args = [
      '--kubeconfig',
      server.kubeconfig,
      'create',
      '--dry-run=server',
      '--validate=false',
      '-o',
      'name',
      '-f',
      '-',
    ];
    const { status, stderr } = spawnSync(kubectl, args, { input: forOldServer(text), encoding: 'utf8' });
    const found = stderr.match(complaint) ?? [];
    assert.equal(status === 0, found.length === 0, stderr);
    return found;
  }

  for (const { file, settings } of corpus.filter((one) => isServed(one.file))) {
    test(`${file}: nothing that was injected is wrong`, () => {
      for (const isNative of [true, false]) {
        const facts = { settings, namespace: 'default', takesNativeSidecars: isNative };
        const { text, problems } = injectText(readInput(file), facts);
        assert.deepEqual(problems, []);
        const isKnown = (one: string) =>
          notOurs.test(one) || (text.includes('restartPolicy: Always') && ofNative.test(one));
        const found = complaints(text).filter((one) => !isKnown(one));
        if (found.length > 0) assert.deepEqual(found, complaints(readInput(file)), 'not more than of the input itself');
      }
    });
  }
});
