import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSettings, someFacts } from './corpus.fixture.ts';
import { decide } from './decide.ts';
import type { InjectionFacts } from './facts.ts';
import type { Pod } from './pod.ts';

type Texts = Record<string, string>;

const aPod = (labels: Texts = {}, annotations: Texts = {}, spec: object = {}): Pod => ({
  metadata: { labels, annotations },
  spec: { containers: [{ name: 'app' }], ...spec },
});

function decision(
  pod: Pod,
  { facts = {}, injector = {} }: { facts?: Partial<InjectionFacts>; injector?: object } = {},
): string {
  const { inject, reason } = decide(pod, someFacts(facts), aSettings(injector));
  return `${inject ? 'yes' : 'no'}: ${reason}`;
}

const label = 'sidecar.istio.io/inject';
const own = 'mesh.tulle.dev/inject';

test('a pod that says nothing is injected as the policy says', () => {
  assert.equal(decision(aPod()), 'yes: policy');
  assert.equal(decision(aPod(), { injector: { policy: 'disabled' } }), 'no: policy');
});

test('a pod in the network of its host is never injected, nor one of a system namespace', () => {
  assert.equal(decision(aPod({ [label]: 'true' }, {}, { hostNetwork: true })), 'no: host-network');
  for (const namespace of ['kube-system', 'kube-public', 'kube-node-lease', 'tulle-system'])
    assert.equal(decision(aPod({ [label]: 'true' }), { facts: { namespace } }), 'no: system-namespace');
});

test('the label of a pod wins over its annotation, our name over that of Istio', () => {
  assert.equal(decision(aPod({ [label]: 'false' }, { [label]: 'true' })), 'no: pod-label');
  assert.equal(decision(aPod({ [label]: 'false', [own]: 'true' })), 'yes: pod-label');
  assert.equal(decision(aPod({}, { [label]: 'true', [own]: 'false' })), 'no: pod-annotation');
  assert.equal(decision(aPod({ [label]: 'true' }, { [own]: 'false' })), 'yes: pod-label');
});

test('y, yes, true and on are yes, nothing is nothing, all else is no', () => {
  for (const value of ['y', 'YES', 'true', 'On']) assert.equal(decision(aPod({ [label]: value })), 'yes: pod-label');
  for (const value of ['n', 'no', 'false', 'off', 'maybe'])
    assert.equal(decision(aPod({ [label]: value })), 'no: pod-label');
  assert.equal(decision(aPod({ [label]: '' }, { [label]: 'false' })), 'yes: policy');
});

test('what a pod says wins over selectors, never over always, and selectors over the policy', () => {
  const selectors = {
    neverInjectSelector: [{ matchLabels: { app: 'a' } }],
    alwaysInjectSelector: [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }],
  };
  assert.equal(decision(aPod({ app: 'a' }), { injector: selectors }), 'no: never-selector');
  assert.equal(
    decision(aPod({ app: 'b' }), { injector: { ...selectors, policy: 'disabled' } }),
    'yes: always-selector',
  );
  assert.equal(decision(aPod({ app: 'a', [label]: 'true' }), { injector: selectors }), 'yes: pod-label');
  assert.equal(
    decision(aPod({ [label]: 'false' }), {
      injector: { alwaysInjectSelector: [{ matchLabels: { [label]: 'false' } }] },
    }),
    'no: pod-label',
  );
});

test('selectors know In, NotIn, Exists and DoesNotExist; an empty one selects nothing', () => {
  const never = (...matchExpressions: object[]) => ({ injector: { neverInjectSelector: [{ matchExpressions }] } });
  assert.equal(
    decision(aPod({ a: '1' }), never({ key: 'a', operator: 'In', values: ['1', '2'] })),
    'no: never-selector',
  );
  assert.equal(decision(aPod({ a: '3' }), never({ key: 'a', operator: 'In', values: ['1', '2'] })), 'yes: policy');
  assert.equal(decision(aPod(), never({ key: 'a', operator: 'NotIn', values: ['1'] })), 'no: never-selector');
  assert.equal(decision(aPod(), never({ key: label, operator: 'DoesNotExist' })), 'no: never-selector');
  assert.equal(
    decision(aPod({ a: '' }), never({ key: 'a', operator: 'Exists' }, { key: 'b', operator: 'Exists' })),
    'yes: policy',
  );
  assert.equal(decision(aPod(), never()), 'yes: policy');
});

test('of a namespace that is known, only what is enabled is injected', () => {
  const within = (namespaceLabels: Texts, labels: Texts = {}) => decision(aPod(labels), { facts: { namespaceLabels } });
  assert.equal(within({}), 'no: namespace-not-enabled');
  assert.equal(within({}, { [label]: 'true' }), 'yes: pod-label');
  assert.equal(within({ 'istio-injection': 'enabled' }), 'yes: policy');
  assert.equal(within({ 'mesh.tulle.dev/injection': 'enabled' }), 'yes: policy');
  assert.equal(within({ 'istio-injection': 'disabled' }, { [label]: 'true' }), 'no: namespace-disabled');
  assert.equal(
    within({ 'istio-injection': 'enabled', 'mesh.tulle.dev/injection': 'disabled' }),
    'no: namespace-disabled',
  );
  assert.equal(within({ 'istio-injection': 'disabled', 'mesh.tulle.dev/injection': 'enabled' }), 'yes: policy');
  assert.equal(within({ 'istio-injection': 'enabled' }, { [label]: 'false' }), 'no: pod-label');
});

test('revisions: those of a namespace and of a pod, and injection labels beat them', () => {
  const within = (namespaceLabels: Texts, labels: Texts = {}) =>
    decision(aPod(labels), { facts: { namespaceLabels }, injector: { revision: 'canary' } });
  assert.equal(within({ 'istio.io/rev': 'canary' }), 'yes: policy');
  assert.equal(within({ 'istio.io/rev': 'other' }), 'no: other-revision');
  assert.equal(within({}, { 'istio.io/rev': 'canary' }), 'yes: policy');
  assert.equal(within({}, { 'istio.io/rev': 'other', [label]: 'true' }), 'no: other-revision');
  assert.equal(within({ 'istio.io/rev': 'other', 'istio-injection': 'enabled' }), 'yes: policy');
});
