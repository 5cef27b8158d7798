/** The definitions of the config kinds on a real API server: what users of Istio write is taken, what is of a wrong form is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { AdminApi } from '#shared/kubernetes/cluster-api.ts';
import { clusterApi } from '#shared/kubernetes/cluster-api.ts';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { isEstablished } from '../../meshctl/install/installer.ts';
import { collectionPath, Discovery } from '../../meshctl/kubernetes/discovery.ts';
import { eventually } from '../support/eventually.ts';
import { ApiServer, kubectl, withoutKubernetes } from '../support/kubernetes/api-server.ts';

const root = join(import.meta.dirname, '../..');
const groups = ['networking.istio.io', 'security.istio.io', 'telemetry.istio.io', 'split.smi-spec.io'];

type Document = Readonly<{ apiVersion: string; kind: string; metadata: Readonly<{ name: string }>; spec: object }>;

function documentsOf(pattern: string): readonly Readonly<{ file: string; document: Document }>[] {
  return globSync(join(root, pattern)).flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).flatMap((parsed) => {
      if (parsed.errors.length > 0) return [];
      const document = parsed.toJS() as Document | null;
      const isOurs = groups.some((group) => document?.apiVersion?.startsWith(`${group}/`) === true);
      return document === null || !isOurs ? [] : [{ file: file.slice(root.length + 1), document }];
    }),
  );
}

suite('definitions', { skip: withoutKubernetes ?? false }, () => {
  let server: ApiServer;
  let api: AdminApi;
  let discovery: Discovery;
  before(async () => {
    server = await ApiServer.start();
    api = clusterApi(server.clientConfig());
    discovery = new Discovery(api);
    runKubectl('apply', '--server-side', '-k', join(root, 'manifests/crds'));
    await eventually(async () => {
      const { items } = await api.list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
      return items.length === 14 && items.every(isEstablished);
    });
  });
  after(() => server.close());

  let calls = 0;
  /** Without what kubectl remembers: of another server that had our port before, or of this one before it knew the kinds. */
  function runKubectl(...args: readonly string[]): string {
    const flags = ['--kubeconfig', server.kubeconfig, '--cache-dir', join(server.folder, `kubectl-${++calls}`)];
    return execFileSync(kubectl, [...flags, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Null when the server takes it, else what it says. Nothing is stored. */
  async function refusalOf(document: Document): Promise<string | null> {
    const served = await discovery.find(document.apiVersion, document.kind);
    if (served === null) return `${document.kind} of ${document.apiVersion} is not defined`;
    const object = { ...document, metadata: { ...document.metadata, namespace: 'default' } };
    try {
      await api.create(`${collectionPath(document.apiVersion, served, 'default')}?dryRun=All`, object);
      return null;
    } catch (error) {
      if (!isMeshError(error, 'protocol')) throw error;
      return describeError(error);
    }
  }

  for (const [what, pattern, atLeast] of [
    ["Istio's samples", 'test/corpora/istio-samples/**/*.yaml', 59],
    ["what Istio's own validation takes", 'test/corpora/istio-validation/valid.yaml', 12],
    ['our examples', 'manifests/examples/*.yaml', 6],
  ] as const) {
    test(`${what} are taken`, async () => {
      const documents = documentsOf(pattern);
      assert.ok(documents.length >= atLeast, `${documents.length} documents`);
      const refusals: string[] = [];
      for (const { file, document } of documents) {
        const refusal = await refusalOf(document);
        if (refusal !== null) refusals.push(`${file}: ${document.kind} ${document.metadata.name}: ${refusal}`);
      }
      assert.deepEqual(refusals, []);
    });
  }

  const aService = (spec: object): Document => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'x' },
    spec: { hosts: ['x'], ...spec },
  });
  const split = (apiVersion: string, weight: unknown): Document => ({
    apiVersion: `split.smi-spec.io/${apiVersion}`,
    kind: 'TrafficSplit',
    metadata: { name: 'x' },
    spec: { service: 'x', backends: [{ service: 'x-v1', weight }] },
  });
  for (const [what, document, says] of [
    [
      'a text for a number',
      aService({ http: [{ route: [{ destination: { host: 'x' }, weight: 'half' }] }] }),
      /weight/,
    ],
    ['a part of a weight', aService({ http: [{ route: [{ destination: { host: 'x' }, weight: 0.5 }] }] }), /weight/],
    ['two ways to match at once', aService({ http: [{ match: [{ uri: { exact: '/', prefix: '/' } }] }] }), /uri/],
    [
      'a word that is none of those',
      {
        ...aService({}),
        kind: 'PeerAuthentication',
        apiVersion: 'security.istio.io/v1',
        spec: { mtls: { mode: 'SOME' } },
      },
      /mode.*UNSET.*DISABLE.*PERMISSIVE.*STRICT/s,
    ],
    ['no host', { ...aService({}), kind: 'ServiceEntry', spec: { hosts: [] } }, /hosts/],
    ['a weight that is no whole number in v1alpha4', split('v1alpha4', '500m'), /weight/],
  ] as const) {
    test(`${what} is refused, with its place`, async () => {
      assert.match((await refusalOf(document)) ?? 'it was taken', says);
    });
  }

  test('weights of v1alpha1 of TrafficSplit are quantities', async () => {
    for (const weight of ['500m', '1', 1]) assert.equal(await refusalOf(split('v1alpha1', weight)), null);
  });

  test('one object is read in every version, by its short name, and has a status of its own', async () => {
    const path = '/apis/networking.istio.io/v1alpha3/namespaces/default/destinationrules';
    const spec = { host: 'x', trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } } };
    await api.create(path, {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'DestinationRule',
      metadata: { name: 'x' },
      spec,
    });
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      const read = await api.read(`/apis/networking.istio.io/${version}/namespaces/default/destinationrules/x`);
      assert.deepEqual(read?.['spec'], spec);
    }
    const status = { conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 1 }], distribution: '3/4' };
    await api.patch(`${path}/x/status`, { kind: 'merge', patch: { status } });
    const read = await api.read(`${path}/x`);
    assert.deepEqual(read?.['status'], status);
    assert.equal(read.metadata.generation, 1);
    const table = runKubectl('get', 'dr');
    assert.match(table, /^NAME +HOST +AGE\nx +x +/);
  });

  test('kubectl explains the fields', async () => {
    // The server publishes what it knows of new kinds a moment later.
    const text = await eventually(() => runKubectl('explain', 'virtualservice.spec.http.timeout'));
    assert.match(text, /Timeout for HTTP requests/);
  });
});
