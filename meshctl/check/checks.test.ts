/** The checks on facts: what cannot be broken on a real API server, and every state of a verdict. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ProxyView } from '#shared/admin/views.ts';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { statusAnnotation } from '#shared/kubernetes/names.ts';
import { readManifests } from '../install/manifests.ts';
import { planInstall } from '../install/plan.ts';
import { checksAfter, checksBefore } from './checks.ts';
import { contains } from './definition-checks.ts';
import type { Facts } from './facts.ts';
import { formatFindings, summaryOf } from './report.ts';
import { uncovered } from './rights-checks.ts';
import { runChecks, some, type Finding } from './verdict.ts';

const settings = { namespace: 'tulle-system', replicas: null, imageRegistry: null, image: null, sidecarImage: null };
const { stages } = planInstall(readManifests(), { ...settings, meshConfig: null, skipDefinitions: false }, () => true);

const empty: Facts = {
  nowMs: Date.UTC(2026, 0, 1),
  version: '0.1.0',
  namespace: 'tulle-system',
  expected: stages.flatMap(({ objects }) => objects),
  server: { major: 1, minor: 31, text: 'v1.31.0' },
  clockAheadMs: 0,
  unreadable: [],
  rights: [],
  nodes: [],
  namespaces: [],
  pods: [],
  definitions: [],
  mutatingWebhooks: [],
  validatingWebhooks: [],
  clusterRoles: [],
  clusterRoleBindings: [],
  deployments: [],
  services: [],
  endpoints: [],
  serviceAccounts: [],
  roles: [],
  roleBindings: [],
  configMaps: [],
  leases: [],
  authority: null,
  rootCertificates: [],
  resources: [],
  proxies: { unknown: 'nobody was asked' },
  injection: { kind: 'not-tried', message: 'nobody tried' },
  validation: { kind: 'not-tried', message: 'nobody tried' },
};

const object = (name: string, rest: object = {}, metadata: object = {}): ClusterObject => ({
  metadata: { name, ...metadata },
  ...rest,
});
const shop = object('shop', {}, { labels: { 'istio-injection': 'enabled' } });
const injected = (name: string, isReady = true): ClusterObject =>
  object(
    name,
    {
      spec: { containers: [] },
      status: { phase: 'Running', containerStatuses: [{ name: 'istio-proxy', ready: isReady, state: {} }] },
    },
    { namespace: 'shop', annotations: { [statusAnnotation]: '{}' } },
  );
const proxy = (name: string, rest: Partial<ProxyView> = {}): ProxyView => ({
  id: name,
  name,
  namespace: 'shop',
  serviceAccount: 'x',
  address: '127.0.0.1',
  version: '0.1.0',
  connectedSince: '',
  isHealthy: null,
  healthMessage: '',
  appliedGeneration: 1,
  types: {},
  metadata: {},
  ...rest,
});
const report = (proxies: number, refusals: readonly string[] = []) =>
  object(
    'tulle-replica-a',
    {},
    {
      labels: { 'mesh.tulle.dev/replica': 'true' },
      annotations: { 'mesh.tulle.dev/applied': gzipSync(JSON.stringify({ proxies, refusals })).toString('base64') },
    },
  );
const node = (name: string, kubeletVersion: string) => object(name, { status: { nodeInfo: { kubeletVersion } } });
const strict = object(
  'default',
  { kind: 'PeerAuthentication', apiVersion: 'security.istio.io/v1', spec: { mtls: { mode: 'STRICT' } } },
  { namespace: 'tulle-system' },
);

const linesOf = (findings: readonly Finding[]) =>
  findings.map(({ state, category, name, message }) => `${state} ${category}: ${name}: ${message}`);

type Row = readonly [what: string, changes: Partial<Facts>, says: RegExp];

const after: readonly Row[] = [
  [
    'an old server',
    { server: { major: 1, minor: 24, text: 'v1.24.1' } },
    /warning cluster: .*this is Kubernetes v1\.24\.1/,
  ],
  ['a server too old', { server: { major: 1, minor: 19, text: 'v1.19.0' } }, /error cluster: .*too old/],
  ['a clock that is a little behind', { clockAheadMs: -30_000 }, /warning cluster: .*30 s behind/],
  ['a clock that is far ahead', { clockAheadMs: 300_000 }, /error cluster: .*300 s ahead of/],
  ['a clock that cannot be asked for', { clockAheadMs: null }, /skipped cluster: the clocks agree/],
  [
    'what may not be read',
    { unreadable: [{ what: 'Pod of the cluster', why: '403' }] },
    /warning cluster: .*Pod of the cluster could not be read/,
  ],
  ['nothing at all', {}, /error control plane: .*there is no namespace tulle-system/],
  ['nothing at all', {}, /error control plane: .*there is no Deployment/],
  ['nothing at all', {}, /error definitions: .*and 9 more: nothing of it is in force/],
  ['nothing at all', {}, /skipped webhooks: a pod is given a sidecar when it is tried: nobody tried/],
  [
    'a sidecar that nobody knows',
    { namespaces: [shop], pods: [injected('a'), injected('b')], proxies: { proxies: [proxy('a')] } },
    /error sidecars: .*not connected to the control plane: shop\/b$/,
  ],
  [
    'sidecars that are all there',
    { namespaces: [shop], pods: [injected('a')], proxies: { proxies: [proxy('a')] } },
    /ok sidecars: the sidecars are connected/,
  ],
  [
    'a sidecar too few in the reports',
    { pods: [injected('a'), injected('b')], leases: [report(1)] },
    /error sidecars: .*1 of 2 sidecars/,
  ],
  [
    'as many as are reported',
    { pods: [injected('a'), injected('b')], leases: [report(1), report(1)] },
    /ok sidecars: the sidecars are connected/,
  ],
  [
    'a refusal in the reports',
    { leases: [report(1, ['a: x: no such cluster'])] },
    /error sidecars: .*refuses what it was sent: a: x: no such cluster/,
  ],
  [
    'a report that nobody can read',
    {
      pods: [injected('a')],
      leases: [
        object(
          'x',
          {},
          { labels: { 'mesh.tulle.dev/replica': 'true' }, annotations: { 'mesh.tulle.dev/applied': '?' } },
        ),
      ],
    },
    /skipped sidecars: the sidecars are connected: nobody was asked/,
  ],
  [
    'a sidecar of another version',
    { proxies: { proxies: [proxy('a', { version: '0.0.9' })] } },
    /warning sidecars: .*of another version: shop\/a \(0\.0\.9\)/,
  ],
  [
    'a sidecar that refuses',
    { proxies: { proxies: [proxy('a', { types: { cds: { acked: 1, sent: 2, refused: 'cluster x: no' } } })] } },
    /error sidecars: .*shop\/a refuses what it was sent: cluster x: no/,
  ],
  [
    'a sidecar that is not ready',
    { pods: [injected('a', false)] },
    /error sidecars: .*shop\/a: not ready: istio-proxy/,
  ],
  [
    'a pod in the network of its host',
    { namespaces: [shop], pods: [object('h', { spec: { hostNetwork: true, containers: [] } }, { namespace: 'shop' })] },
    /ok sidecars: no pod missed its sidecar/,
  ],
  [
    'a pod that ended',
    {
      namespaces: [shop],
      pods: [object('j', { spec: { containers: [] }, status: { phase: 'Succeeded' } }, { namespace: 'shop' })],
    },
    /ok sidecars: no pod missed its sidecar/,
  ],
  [
    'strict mutual TLS for all',
    { resources: [strict], pods: [object('p', { spec: { containers: [] } }, { namespace: 'jobs' })] },
    /warning sidecars: .*STRICT of the whole mesh.*jobs\/p/,
  ],
  [
    'a policy that is not honoured',
    {
      resources: [
        object(
          'deny',
          { kind: 'AuthorizationPolicy', apiVersion: 'security.istio.io/v1', spec: {} },
          { namespace: 'shop' },
        ),
      ],
    },
    /warning configuration: .*AuthorizationPolicy is not honoured yet, they allow and deny nothing: shop\/deny/,
  ],
  [
    'a resource that says it is not well',
    {
      resources: [
        object(
          'x',
          {
            kind: 'Sidecar',
            apiVersion: 'networking.istio.io/v1',
            spec: {},
            status: { conditions: [{ type: 'Accepted', status: 'False', message: 'no' }] },
          },
          { namespace: 'shop' },
        ),
      ],
    },
    /warning configuration: .*Sidecar shop\/x: not Accepted: no/,
  ],
  [
    'a label that says nothing',
    { namespaces: [object('a', {}, { labels: { 'istio-injection': 'true' } })] },
    /warning namespaces: .*istio-injection=true says nothing/,
  ],
  [
    'a label and a revision',
    { namespaces: [object('a', {}, { labels: { 'istio-injection': 'enabled', 'istio.io/rev': 'x' } })] },
    /warning namespaces: .*the revision is not looked at/,
  ],
  [
    'an injected system namespace',
    { namespaces: [object('kube-system', {}, { labels: { 'istio-injection': 'enabled' } })] },
    /warning namespaces: .*never injected/,
  ],
];

for (const [what, changes, says] of after) {
  test(`of ${what} it is said: ${says.source.slice(0, 60)}`, () => {
    const lines = linesOf(runChecks(checksAfter, { ...empty, ...changes }));
    assert.ok(
      lines.some((line) => says.test(line)),
      lines.filter((line) => !line.startsWith('ok')).join('\n'),
    );
  });
}

const foreign = object(
  'virtualservices.networking.istio.io',
  { spec: { versions: [] } },
  {
    managedFields: [
      { manager: 'helm', operation: 'Apply' },
      { manager: 'kube-apiserver', operation: 'Update' },
    ],
  },
);
const before: readonly Row[] = [
  [
    'a right that is missing',
    { rights: [{ verb: 'create', resource: 'namespaces', isAllowed: false }] },
    /error .*it may not create namespaces/,
  ],
  [
    'a namespace that goes',
    { namespaces: [object('tulle-system', {}, { deletionTimestamp: 'x' })] },
    /error .*is being deleted/,
  ],
  [
    'others in the namespace',
    { namespaces: [object('tulle-system')], pods: [object('db', {}, { namespace: 'tulle-system' })] },
    /warning .*in tulle-system others run: db/,
  ],
  [
    'definitions of another',
    { definitions: [foreign] },
    /warning .*virtualservices\.networking\.istio\.io belong to helm/,
  ],
  [
    'another mesh',
    {
      mutatingWebhooks: [
        object('linkerd-proxy-injector-webhook-config', {
          webhooks: [{ name: 'linkerd-proxy-injector.linkerd.io', clientConfig: {} }],
        }),
      ],
    },
    /warning .*another injector is there: linkerd/,
  ],
  ['old nodes', { nodes: [node('a', 'v1.28.3'), node('b', 'v1.30.1')] }, /warning .*no native sidecars on a:/],
  ['new nodes', { nodes: [node('b', 'v1.29.0-eks-1')] }, /ok .*the nodes run native sidecars/],
];

for (const [what, changes, says] of before) {
  test(`before an installation, of ${what} it is said`, () => {
    const lines = linesOf(runChecks(checksBefore, { ...empty, ...changes }));
    assert.ok(
      lines.some((line) => says.test(line)),
      lines.join('\n'),
    );
  });
}

test('every complaint says what to do', () => {
  for (const [, changes] of [...after, ...before])
    for (const { state, hint, name } of runChecks([...checksAfter, ...checksBefore], { ...empty, ...changes }))
      if (state === 'error' || state === 'warning') assert.notEqual(hint, '', name);
});

test('rights are told by what no rule gives', () => {
  const given = [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    { apiGroups: ['*'], resources: ['secrets'], resourceNames: ['a'], verbs: ['*'] },
  ];
  const rule = (resource: string, names?: string[]) => ({
    apiGroups: [''],
    resources: [resource],
    verbs: ['get', 'list'],
    ...(names === undefined ? {} : { resourceNames: names }),
  });
  assert.deepEqual(uncovered(rule('pods'), given), ['list pods']);
  assert.deepEqual(uncovered(rule('secrets', ['a']), given), []);
  assert.deepEqual(uncovered(rule('secrets', ['a', 'b']), given), ['get, list secrets b']);
  // A rule with names gives no right to all.
  assert.deepEqual(uncovered(rule('secrets'), given), ['get, list secrets']);
});

test('what a server adds by itself makes no difference', () => {
  assert.ok(contains({ a: [{ b: 1, added: 2 }], more: true }, { a: [{ b: 1 }] }));
  assert.ok(!contains({ a: [{ b: 1 }] }, { a: [{ b: 1 }, { b: 2 }] }));
  assert.ok(!contains({}, { a: { b: 1 } }));
  assert.ok(contains(undefined, {}));
});

test('a report groups by category, signs each check, and counts', () => {
  const findings: readonly Finding[] = [
    { category: 'a', name: 'one', state: 'ok', message: '', hint: '' },
    { category: 'a', name: 'two', state: 'warning', message: 'w', hint: 'do this' },
    { category: 'a', name: 'two', state: 'error', message: 'e', hint: 'do that' },
    { category: 'b', name: 'three', state: 'skipped', message: 'why', hint: '' },
  ];
  assert.equal(
    formatFindings(findings, false),
    'a\n-\n√ one\n× two\n    w\n    -> do this\n    e\n    -> do that\n\nb\n-\n· three\n    why\n\n1 error, 1 warning\n',
  );
  assert.equal(summaryOf(findings.slice(0, 1)), 'all is well');
  assert.equal(some(['a', 'b', 'c', 'd', 'e', 'f']), 'a, b, c, d, e and 1 more');
});
