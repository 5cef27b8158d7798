import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { eventually } from '../../test/support/eventually.ts';
import {
  failurePolicyFor,
  patchOfConfiguration,
  WebhookConfigurations,
  type WebhookWish,
} from './webhook-configurations.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function aConfiguration(name: string, ...webhooks: readonly object[]): ClusterObject {
  const filled = webhooks.map((webhook, n) => ({
    name: `w${n}`,
    clientConfig: {},
    failurePolicy: 'Ignore',
    ...webhook,
  }));
  return { metadata: { name }, webhooks: filled };
}

test('only what differs is changed, each webhook tested by its name', () => {
  const right = { clientConfig: { caBundle: base64('root') }, failurePolicy: 'Fail' };
  const configuration = aConfiguration('tulle-injector', right, { clientConfig: { url: 'https://x' } });
  assert.deepEqual(patchOfConfiguration(configuration, { rootsPem: 'root', failurePolicy: 'Fail' }), [
    { op: 'test', path: '/webhooks/1/name', value: 'w1' },
    { op: 'add', path: '/webhooks/1/clientConfig/caBundle', value: base64('root') },
    { op: 'add', path: '/webhooks/1/failurePolicy', value: 'Fail' },
  ]);
  assert.deepEqual(patchOfConfiguration(aConfiguration('x', right), { rootsPem: 'root', failurePolicy: null }), []);
});

test('the policy is to fail only with two healthy replicas or more', () => {
  assert.deepEqual([0, 1, 2, 3].map(failurePolicyFor), ['Ignore', 'Ignore', 'Fail', 'Fail']);
});

test('a configuration is mended when it comes, when somebody changes it, and when the wish changes', async () => {
  const [api, clock] = [new FakeCluster(), new FakeClock()];
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tulle-validator';
  let wish: WebhookWish = { rootsPem: 'one', failurePolicy: null };
  const controller = new WebhookConfigurations({
    api,
    wish: () => wish,
    clock,
    random: () => 0,
    onFailure: assert.fail,
  });
  controller.start();
  const webhook = () => (api.peek(path)?.['webhooks'] as readonly Record<string, unknown>[] | undefined)?.[0];
  const becomes = (caBundle: string, failurePolicy: string) =>
    eventually(() => {
      clock.advance(1);
      assert.deepEqual(webhook(), { name: 'w0', clientConfig: { caBundle: base64(caBundle) }, failurePolicy });
    });
  api.put(path, aConfiguration('tulle-validator', {}));
  await becomes('one', 'Ignore');
  api.put(path, aConfiguration('tulle-validator', { clientConfig: { caBundle: 'bWFuZ2xlZA==' } }));
  await becomes('one', 'Ignore');
  wish = { rootsPem: 'two', failurePolicy: 'Fail' };
  controller.changed();
  await becomes('two', 'Fail');
  const [view] = controller.view();
  assert.deepEqual(view, { name: 'tulle-validator', failurePolicies: ['Fail'], isTrusted: true });
  const { length } = api.calls;
  clock.advance(60_000);
  assert.equal(api.calls.length, length);
  await controller.close();
});
