/** The Kubernetes manifests by their structure: what can be known without an API server. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { versionsOf } from '#shared/model/known-kinds.ts';
import { parseMeshConfig } from '#shared/model/mesh-config.ts';
import { decide } from '#shared/injection/decide.ts';
import { defaultInjectionSettings } from '#shared/injection/injection-settings.ts';
import { parseInjectionSettings } from '#shared/injection/parse-settings.ts';
import { parseSettings as parseControlPlane } from '../control-plane/settings.ts';
import { readRules } from '../control-plane/sources/kubernetes/rbac.ts';
import { generate } from '../manifests/crds/generate.ts';
import { uncovered } from '../meshctl/check/rights-checks.ts';
import packageJson from '../package.json' with { type: 'json' };
import { selectsLabels } from '#shared/model/label-selector.ts';
import { Field } from '#shared/model/rules/field.ts';
import { readLabelSelector } from '#shared/model/rules/label-selector-rules.ts';
import { Report } from '#shared/model/rules/report.ts';

type Container = Readonly<{
  name: string;
  image: string;
  args: readonly string[];
  env?: readonly Readonly<{ name: string; value?: string }>[];
  ports?: readonly Readonly<{ name: string; containerPort: number }>[];
  securityContext: Readonly<Record<string, unknown>>;
  resources: Readonly<{ requests: object; limits: object }>;
}>;
type Manifest = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<{ name: string; namespace?: string; labels?: Readonly<Record<string, string>> }>;
  data?: Readonly<Record<string, string>>;
  rules?: readonly Readonly<{ resources: readonly string[]; verbs: readonly string[]; apiGroups: readonly string[] }>[];
  webhooks?: readonly Webhook[];
  spec: Readonly<Record<string, unknown>>;
}>;
type Expression = Readonly<{ key: string; operator: string; values?: readonly string[] }>;
type Selector = Readonly<{ matchExpressions: readonly Expression[] }>;
type Webhook = Readonly<{ name: string; namespaceSelector: Selector; objectSelector: Selector; failurePolicy: string }>;

const folder = join(import.meta.dirname, '../manifests');
const read = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8');
const resourcesOf = (part: string) =>
  (parse(read(part, 'kustomization.yaml')) as { resources: string[] }).resources.flatMap((file) =>
    parseAllDocuments(read(part, file)).map((document) => document.toJS() as Manifest),
  );
const crds = resourcesOf('crds');
const controlPlane = resourcesOf('control-plane');
const orderService = resourcesOf('order-service');
const all = [...controlPlane, ...resourcesOf('prometheus-operator'), ...crds];
const ofKind = (list: readonly Manifest[], kind: string) => list.filter((manifest) => manifest.kind === kind);
const podOf = (deployment: Manifest) =>
  (deployment.spec['template'] as { spec: { containers: Container[]; securityContext: Record<string, unknown> } }).spec;
const deployments = [...ofKind(controlPlane, 'Deployment'), ...ofKind(orderService, 'Deployment')];

test('the definitions are what their generator makes of the schemas in use', async () => {
  const files = await generate();
  const present = readdirSync(join(folder, 'crds')).filter((file) => file.endsWith('.yaml'));
  assert.deepEqual(present.toSorted(), [...files.keys()].toSorted());
  for (const [file, text] of files) assert.equal(read('crds', file), text, file);
});

test('every kind that the catalog honours is defined, in all its versions', () => {
  for (const { spec } of crds) {
    const { group, names, versions } = spec as {
      group: string;
      names: { kind: string };
      versions: { name: string; storage: boolean; subresources: object }[];
    };
    const own = versions.map(({ name }) => `${group}/${name}`);
    for (const version of versionsOf(names.kind)) assert.ok(own.includes(version), version);
    assert.equal(versions.filter(({ storage }) => storage).length, 1);
    for (const { subresources } of versions) assert.deepEqual(subresources, { status: {} });
  }
  const defined = crds.map(({ spec }) => (spec['names'] as { kind: string }).kind);
  const honoured = ['VirtualService', 'DestinationRule', 'ServiceEntry', 'WorkloadEntry', 'WorkloadGroup', 'Sidecar'];
  for (const kind of [...honoured, 'PeerAuthentication', 'TrafficSplit']) assert.ok(defined.includes(kind), kind);
});

test('a definition says what the schemas say: words, whole numbers, limits, and one of several', () => {
  const schemaOf = (name: string) => {
    const definition = crds.find(({ metadata }) => metadata.name === name)!;
    return JSON.stringify((definition.spec['versions'] as object[])[0]);
  };
  const service = schemaOf('virtualservices.networking.istio.io');
  assert.match(service, /"weight":\{[^}]*"type":"integer"/);
  assert.match(service, /"oneOf":\[\{"not":\{"anyOf":\[\{"required":\["exact"\]\},\{"required":\["prefix"\]\}/);
  assert.match(schemaOf('peerauthentications.security.istio.io'), /"UNSET","DISABLE","PERMISSIVE","STRICT"/);
  assert.match(schemaOf('serviceentries.networking.istio.io'), /"hosts":\{[^}]*\},"minItems":1,"maxItems":256/);
});

test('everything that is installed carries the label by which it is found again', () => {
  for (const { kind, metadata } of all)
    assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'tulle', `${kind}/${metadata.name}`);
});

test('every file of a folder is in its kustomization', () => {
  for (const part of ['crds', 'control-plane', 'order-service', 'prometheus-operator']) {
    const files = readdirSync(join(folder, part)).filter((file) => file.endsWith('.yaml'));
    const { resources } = parse(read(part, 'kustomization.yaml')) as { resources: string[] };
    assert.deepEqual([...resources, 'kustomization.yaml'].toSorted(), files.toSorted(), part);
  }
});

test('no container is root, writes to its image, or has a right that it does not need', () => {
  assert.equal(deployments.length, 6);
  for (const deployment of deployments) {
    const pod = podOf(deployment);
    const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext;
    assert.deepEqual([runAsNonRoot, runAsUser, seccompProfile], [true, 1000, { type: 'RuntimeDefault' }]);
    for (const { securityContext, resources } of pod.containers) {
      const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = securityContext;
      assert.deepEqual(
        [allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities],
        [false, true, { drop: ['ALL'] }],
      );
      assert.ok('cpu' in resources.requests && 'memory' in resources.requests && 'memory' in resources.limits);
    }
  }
});

test('images are of the version of this package', () => {
  for (const { image } of deployments.flatMap((deployment) => podOf(deployment).containers))
    assert.match(image, new RegExp(`^tulle/[a-z-]+:${packageJson.version}$`));
  const [deployment] = ofKind(controlPlane, 'Deployment');
  assert.equal(deployment!.metadata.labels?.['app.kubernetes.io/version'], packageJson.version);
});

test('the mesh settings are taken without a warning, and name the namespace of the control plane as root', () => {
  const text = controlPlane.find(({ metadata }) => metadata.name === 'tulle-mesh')!.data!['mesh']!;
  const mesh = parseMeshConfig(parse(text));
  assert.deepEqual(mesh.ok ? mesh.warnings : mesh.problems, []);
  assert.equal(mesh.ok && mesh.value.rootNamespace, 'tulle-system');
});

test('the rights name what they are for: no right to everything, none to write configuration or to read foreign secrets', () => {
  const rules = [...ofKind(controlPlane, 'ClusterRole'), ...ofKind(controlPlane, 'Role')].flatMap(
    ({ rules: own = [] }) => own,
  );
  for (const { resources, verbs, apiGroups } of rules) {
    assert.ok(!verbs.includes('*') && !apiGroups.includes('*'));
    assert.ok(!resources.includes('*'));
  }
  const cluster = ofKind(controlPlane, 'ClusterRole').flatMap(({ rules: own = [] }) => own);
  assert.ok(!cluster.some(({ resources }) => resources.includes('secrets')));
});

/** Whether a selector matches labels, as the API server judges it. */
function matches(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const report = new Report();
  const read = readLabelSelector(new Field('selector', selector), report);
  assert.deepEqual(report.errors, []);
  return selectsLabels(read, labels);
}

const [injector] = ofKind(controlPlane, 'MutatingWebhookConfiguration');
const isShown = (namespace: Readonly<Record<string, string>>, pod: Readonly<Record<string, string>>) =>
  injector!.webhooks!.some((hook) => matches(hook.namespaceSelector, namespace) && matches(hook.objectSelector, pod));
const own = 'mesh.tulle.dev/injection';
const ownPod = 'mesh.tulle.dev/inject';
const istio = 'istio-injection';
const istioPod = 'sidecar.istio.io/inject';
const revision = 'istio.io/rev';
const ownRevision = 'mesh.tulle.dev/rev';

for (const [namespace, pod, expected] of [
  [{}, {}, false],
  [{ [istio]: 'enabled' }, {}, true],
  [{ [istio]: 'enabled' }, { [istioPod]: 'false' }, false],
  [{ [istio]: 'enabled' }, { [ownPod]: 'false' }, false],
  [{ [istio]: 'disabled' }, {}, false],
  [{ [istio]: 'disabled' }, { [istioPod]: 'true' }, false],
  [{ [istio]: 'enabled', [revision]: 'canary' }, {}, true],
  [{ [istio]: 'disabled', [revision]: 'default' }, {}, false],
  [{ [own]: 'enabled' }, {}, true],
  [{ [own]: 'enabled', [istio]: 'disabled' }, {}, true],
  [{ [own]: 'disabled', [istio]: 'enabled' }, {}, false],
  [{ [own]: 'disabled' }, { [ownPod]: 'true' }, false],
  [{ [revision]: 'default' }, {}, true],
  [{ [revision]: 'canary' }, {}, false],
  [{ [ownRevision]: 'default', [revision]: 'canary' }, {}, true],
  [{ [ownRevision]: 'canary', [revision]: 'default' }, {}, false],
  [{ [istio]: 'disabled', [ownRevision]: 'default' }, {}, false],
  [{}, { [istioPod]: 'true' }, true],
  [{}, { [ownRevision]: 'default', [revision]: 'canary' }, true],
  [{}, { [ownRevision]: 'canary', [revision]: 'default' }, false],
  [{}, { [ownPod]: 'true' }, true],
  [{}, { [ownPod]: 'true', [istioPod]: 'false' }, true],
  [{}, { [ownPod]: 'false', [istioPod]: 'true' }, false],
  [{}, { [revision]: 'default' }, true],
  [{}, { [revision]: 'canary' }, false],
  [{ 'kubernetes.io/metadata.name': 'kube-system', [istio]: 'enabled' }, {}, false],
  [{ 'kubernetes.io/metadata.name': 'tulle-system', [own]: 'enabled' }, { [ownPod]: 'true' }, false],
] as const) {
  test(`a pod ${JSON.stringify(pod)} in a namespace ${JSON.stringify(namespace)} is ${expected ? '' : 'not '}shown to the injector`, () => {
    assert.equal(isShown(namespace, pod), expected);
  });
}

test('webhooks never block a cluster before the control plane has taken them over', () => {
  const hooks = controlPlane.flatMap(({ webhooks = [] }) => webhooks);
  assert.equal(hooks.length, 9);
  for (const { failurePolicy, namespaceSelector } of hooks) {
    assert.equal(failurePolicy, 'Ignore');
    for (const name of ['kube-system', 'kube-public', 'kube-node-lease'])
      assert.ok(!matches(namespaceSelector, { 'kubernetes.io/metadata.name': name, [istio]: 'enabled' }), name);
  }
});

test('the ports of the Service are ports of the container', () => {
  const [service] = ofKind(controlPlane, 'Service');
  const ports = service!.spec['ports'] as { name: string; port: number; targetPort: string }[];
  const container = podOf(ofKind(controlPlane, 'Deployment')[0]!).containers[0]!;
  const targets = new Map(container.ports!.map(({ name, containerPort }) => [name, containerPort]));
  assert.deepEqual(
    ports.map(({ port, targetPort }) => [port, targets.get(targetPort)]),
    [
      [15012, 15012],
      [443, 15017],
      [15014, 15014],
      [8080, 8080],
    ],
  );
});

test('the control plane may write the status of every kind whose configuration it reads, and nothing else of it', () => {
  const rules = ofKind(controlPlane, 'ClusterRole').flatMap(({ rules: own = [] }) => own);
  const ofMesh = rules.filter(({ apiGroups }) => /istio\.io|smi-spec/.test(apiGroups.join()));
  const read = ofMesh.filter(({ verbs }) => verbs.includes('watch')).flatMap(({ resources }) => resources);
  const written = ofMesh.filter(({ verbs }) => verbs.includes('patch')).flatMap(({ resources }) => resources);
  assert.deepEqual(
    written,
    read.map((resource) => `${resource}/status`),
  );
});

test('the control plane takes its flags', () => {
  const [container] = podOf(ofKind(controlPlane, 'Deployment')[0]!).containers;
  const flags = container!.args.map((flag) => flag.replace('$(POD_NAMESPACE)', 'tulle-system'));
  const settings = parseControlPlane(flags);
  assert.deepEqual(settings.ok ? [] : settings.problems, []);
});

test('the control plane may read all that its source watches', () => {
  const given = ofKind(controlPlane, 'ClusterRole').flatMap(({ rules = [] }) => rules);
  for (const rule of [...readRules.cluster, ...readRules.namespaced]) assert.deepEqual(uncovered(rule, given), []);
});

test('the settings of the injector are taken', () => {
  const text = controlPlane.find(({ metadata }) => metadata.name === 'tulle-injector')!.data!['config']!;
  const parsed = parseInjectionSettings({ injector: parse(text), image: '' });
  assert.deepEqual(parsed.ok ? parsed.warnings : parsed.problems, []);
  assert.equal(parsed.ok && parsed.value.image, `tulle/sidecar:${packageJson.version}`);
});

/** Labels of all these values, each also absent. */
function combinations(choices: Readonly<Record<string, readonly string[]>>): readonly Record<string, string>[] {
  return Object.entries(choices).reduce<Record<string, string>[]>(
    (all, [name, values]) => all.flatMap((one) => [one, ...values.map((value) => ({ ...one, [name]: value }))]),
    [{}],
  );
}

test('what the injector would decide is shown to it, whatever the labels are', () => {
  const settings = defaultInjectionSettings('x');
  const words = ['enabled', 'disabled'];
  const revisions = ['default', 'canary'];
  const namespaces = combinations({ [own]: words, [istio]: words, [ownRevision]: revisions, [revision]: revisions });
  const pods = combinations({ [ownPod]: ['true', 'false'], [istioPod]: ['true', 'false'], [revision]: revisions });
  let shown = 0;
  for (const namespaceLabels of namespaces)
    for (const labels of pods) {
      const facts = { namespace: 'shop', namespaceLabels, namespaceAnnotations: {}, owner: null };
      const pod = { metadata: { labels }, spec: { containers: [] } };
      if (!decide(pod, { ...facts, takesNativeSidecars: false }, settings).inject) continue;
      assert.ok(isShown(namespaceLabels, labels), JSON.stringify([namespaceLabels, labels]));
      shown++;
    }
  assert.ok(shown > 500);
});
