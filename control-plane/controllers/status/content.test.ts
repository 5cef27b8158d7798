import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problem, warning } from '#shared/runtime/result.ts';
import { differsInSubstance, statusPatch, wantedStatus, type ResourceFacts } from './content.ts';

const someFacts = (more: Partial<ResourceFacts> = {}): ResourceFacts => ({
  key: 'VirtualService/shop/a',
  generation: 4,
  problems: [],
  doubts: [],
  hasFormer: false,
  distribution: { applied: 5, total: 5, refusals: [] },
  ...more,
});
const spread = (applied: number, refusals: readonly string[] = []) => ({ applied, total: 5, refusals });

test('conditions say what became of a version', () => {
  const told = (more: Partial<ResourceFacts>) =>
    wantedStatus(someFacts(more)).conditions.map(
      ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
    );
  const cases: readonly (readonly [Partial<ResourceFacts>, readonly string[]])[] = [
    [
      {},
      [
        'Accepted True Accepted: valid',
        'Distributed True Applied: applied 5/5',
        'Reconciled True Reconciled: 5/5 proxies up to date.',
      ],
    ],
    [
      { distribution: spread(3) },
      [
        'Accepted True Accepted: valid',
        'Distributed False Pending: applied 3/5',
        'Reconciled False Reconciling: 3/5 proxies up to date.',
      ],
    ],
    [
      { distribution: spread(4, ['p: cluster x: bad']), doubts: [warning('spec.a', 'not honoured', 'TUL0001')] },
      [
        'Accepted True AcceptedWithWarnings: spec.a: not honoured [TUL0001]',
        'Distributed False Refused: applied 4/5; refused by p: cluster x: bad',
        'Reconciled False Reconciling: 4/5 proxies up to date.',
      ],
    ],
    [
      { problems: [problem('spec.hosts', 'is required', 'IST0106')], hasFormer: true, distribution: spread(0) },
      [
        'Accepted False Invalid: spec.hosts: is required [IST0106] (the version before it stays in force)',
        'Distributed False Invalid: applied 0/5',
        'Reconciled False Reconciling: 0/5 proxies up to date.',
      ],
    ],
    [
      { distribution: { applied: 0, total: 0, refusals: [] } },
      [
        'Accepted True Accepted: valid',
        'Distributed True NoProxies: applied 0/0',
        'Reconciled True Reconciled: 0/0 proxies up to date.',
      ],
    ],
  ];
  for (const [more, wanted] of cases) assert.deepEqual(told(more), wanted);
});

test("messages are Istio's: codes, levels and where they are explained, each once", () => {
  const doubt = warning('spec.hosts[0]', 'not found', 'IST0101');
  const { validationMessages } = wantedStatus(someFacts({ doubts: [doubt, { ...doubt, path: 'spec.hosts[1]' }] }));
  assert.deepEqual(validationMessages, [
    {
      type: { code: 'IST0101' },
      level: 'WARNING',
      documentationUrl: 'https://istio.io/latest/docs/reference/config/analysis/ist0101/',
    },
  ]);
});

test('a patch keeps the conditions of others, and times of what did not turn', () => {
  const healthy = { type: 'Healthy', status: 'True', lastProbeTime: 'x' };
  const first = statusPatch({ conditions: [healthy], addresses: [] }, wantedStatus(someFacts()), 'T1');
  assert.ok(first !== null);
  const types = (status: Readonly<Record<string, unknown>>) =>
    (status['conditions'] as readonly Record<string, unknown>[]).map((one) => [one['type'], one['lastTransitionTime']]);
  assert.deepEqual(types(first), [
    ['Healthy', undefined],
    ['Accepted', 'T1'],
    ['Distributed', 'T1'],
    ['Reconciled', 'T1'],
  ]);
  assert.equal(Object.hasOwn(first, 'validationMessages'), false);
  const second = statusPatch(first, wantedStatus(someFacts({ distribution: spread(4) })), 'T2');
  assert.deepEqual(types(second ?? {}), [
    ['Healthy', undefined],
    ['Accepted', 'T1'],
    ['Distributed', 'T2'],
    ['Reconciled', 'T2'],
  ]);
});

test('what says the same is not written again, also where a schema cut members away', () => {
  const wanted = wantedStatus(someFacts());
  const stored = statusPatch({}, wanted, 'T1') ?? {};
  assert.equal(statusPatch(stored, wanted, 'T2'), null);
  const cut = (stored['conditions'] as readonly Record<string, unknown>[]).map(
    ({ observedGeneration: _generation, reason: _reason, ...rest }) => rest,
  );
  assert.equal(statusPatch({ conditions: cut }, wanted, 'T2'), null);
  assert.notEqual(statusPatch(stored, wantedStatus(someFacts({ generation: 5 })), 'T2'), null);
});

test('a proxy more or less is no change of substance', () => {
  const before = wantedStatus(someFacts());
  const more = wantedStatus(someFacts({ distribution: { applied: 6, total: 6, refusals: [] } }));
  assert.equal(differsInSubstance(before, more), false);
  for (const other of [{ distribution: spread(4) }, { generation: 5 }, { doubts: [warning('a', 'b')] }])
    assert.equal(differsInSubstance(before, wantedStatus(someFacts(other))), true);
  assert.equal(differsInSubstance(undefined, before), true);
});
