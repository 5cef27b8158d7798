/** Installation, its repetition, upgrade and removal, on a real API server. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { meshNamespace } from '#shared/kubernetes/names.ts';
import { bugReport } from '../../meshctl/commands/bug-report.ts';
import { install } from '../../meshctl/commands/install.ts';
import { uninstall } from '../../meshctl/commands/uninstall.ts';
import { inventoryName } from '../../meshctl/install/inventory.ts';
import { ApiServer, kubectl, withoutKubernetes } from '../support/kubernetes/api-server.ts';
import { deploymentPath, inMesh, recordingContext, StandIn, webhookPaths } from '../support/kubernetes/stand-in.ts';

const manifests = join(import.meta.dirname, '../../manifests');

suite('install', { skip: withoutKubernetes ?? false }, () => {
  let server: ApiServer;
  let cluster: StandIn;
  before(async () => {
    server = await ApiServer.start();
    cluster = new StandIn(server);
  });
  after(async () => {
    await cluster.close();
    await server.close();
  });

  const definitions = async () =>
    (await cluster.api.list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions')).items;
  const specOf = async (path: string) => (await cluster.api.read(path))?.['spec'] as Record<string, unknown>;
  const removal = { kubeconfig: '', yes: true, timeout: '60s' };
  const take = async (flags: object) => {
    const context = recordingContext();
    await uninstall(context, { ...removal, kubeconfig: server.kubeconfig, ...flags });
    return context.text();
  };

  test('before it, nothing is in the way', async () => {
    const { findings, exitCode } = await cluster.check(true);
    assert.equal(exitCode, 0);
    assert.deepEqual(
      findings.filter(({ state }) => state === 'error'),
      [],
    );
  });

  test('everything is applied, webhooks last, and waits for the control plane', async () => {
    const text = await cluster.install();
    const lines = text.split('\n');
    const at = (part: string) => lines.findIndex((line) => line.includes(part));
    assert.ok(at('namespace/tulle-system created') < at('customresourcedefinition'));
    assert.ok(at('deployment.apps/tulle-control-plane created') < at('waiting for the control plane'));
    assert.ok(at('mutatingwebhookconfiguration') > at('waiting for the control plane'));
    assert.match(text, /PodMonitor\/tulle-proxies is left out/);
    assert.equal((await definitions()).length, 14);
  });

  test('a healthy installation has no complaint, but that the server is old', async () => {
    await cluster.comeAlive();
    const { findings, exitCode } = await cluster.check();
    const complaints = findings.filter(({ state }) => state === 'error' || state === 'warning');
    assert.deepEqual(
      complaints.map(({ name }) => name),
      ['the version of Kubernetes is supported'],
    );
    assert.equal(exitCode, 0);
  });

  test('the same again changes nothing, not even what the control plane wrote since', async () => {
    const before = await cluster.api.read(webhookPaths[0]);
    // As an autoscaler does.
    await cluster.api.patch(deploymentPath, { kind: 'merge', patch: { spec: { replicas: 3 } } });
    const text = await cluster.install();
    const changed = text.split('\n').filter((line) => / (created|configured|deleted)$/.test(line));
    assert.deepEqual(changed, []);
    const hooks = (object: ClusterObject | null) =>
      ((object?.['webhooks'] ?? []) as { clientConfig: object; failurePolicy: string }[]).map((hook) => [
        hook.clientConfig,
        hook.failurePolicy,
      ]);
    assert.deepEqual(hooks(await cluster.api.read(webhookPaths[0])), hooks(before));
    assert.equal((await specOf(deploymentPath))['replicas'], 3);
    assert.match(await cluster.install(), /nothing changed/);
  });

  test('other flags change what they name, and what an older version had goes', async () => {
    const { data } = (await cluster.api.read(`${inMesh}/configmaps/${inventoryName}`)) as unknown as {
      data: { objects: string };
    };
    await cluster.put(`${inMesh}/configmaps/of-an-older-version`, { apiVersion: 'v1', kind: 'ConfigMap' });
    await cluster.put(`${inMesh}/configmaps/${inventoryName}`, {
      data: { ...data, objects: `${data.objects}v1 ConfigMap ${meshNamespace} of-an-older-version\n` },
    });
    const text = await cluster.install({ replicas: '2', imageRegistry: 'registry.test/mirror' });
    assert.match(text, /configmap\/of-an-older-version deleted/);
    const spec = (await specOf(deploymentPath)) as {
      replicas: number;
      template: { spec: { containers: { image: string }[] } };
    };
    assert.equal(spec.replicas, 2);
    assert.match(spec.template.spec.containers[0]!.image, /^registry\.test\/mirror\/tulle\/control-plane:/);
    const injector = (await cluster.api.read(`${inMesh}/configmaps/tulle-injector`))?.['data'] as { config: string };
    assert.match(injector.config, /^image: registry\.test\/mirror\/tulle\/sidecar:/m);
  });

  test('fields of another tool are not taken from it, unless that is asked for', async () => {
    const flags = [...flagsOf(server), '-n', meshNamespace];
    execFileSync(kubectl, [
      ...flags,
      'label',
      'service',
      'tulle-control-plane',
      'app.kubernetes.io/name=mine',
      '--overwrite',
    ]);
    await assert.rejects(cluster.install(), /service\/tulle-control-plane was not changed: .*conflict/);
    await cluster.install({ forceConflicts: true });
    const { labels } = (await cluster.api.read(`${inMesh}/services/tulle-control-plane`))!.metadata;
    assert.equal(labels?.['app.kubernetes.io/name'], 'tulle-control-plane');
  });

  test('when the control plane does not get ready it says why, and no webhook is there', async () => {
    for (const path of webhookPaths) await cluster.remove(path);
    // Nobody plays a kubelet for this one.
    const context = recordingContext();
    const flags = { kubeconfig: server.kubeconfig, image: 'broken/image:1', wait: true, timeout: '2s' };
    await assert.rejects(
      install(context, flags),
      /gave up after 2s waiting until the control plane is ready: .*replicas/,
    );
    for (const path of webhookPaths) assert.equal(await cluster.api.read(path), null);
    await cluster.install();
    for (const path of webhookPaths) assert.notEqual(await cluster.api.read(path), null);
  });

  test('a report holds what is there, and no key', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-report-'));
    try {
      const file = join(folder, 'report.tar.gz');
      const context = recordingContext();
      await bugReport(context, { kubeconfig: server.kubeconfig, file, proxies: '2' });
      execFileSync('tar', ['xzf', file, '-C', folder, '--strip-components=1']);
      const all = listFiles(folder).map((path) => readFileSync(path, 'utf8'));
      assert.match(readFileSync(join(folder, 'versions.yaml'), 'utf8'), /kubernetes: v1\.20/);
      assert.match(readFileSync(join(folder, 'objects/mutating-webhooks.yaml'), 'utf8'), /tulle-injector/);
      assert.match(readFileSync(join(folder, 'check.txt'), 'utf8'), /certificates\n---/);
      assert.ok(all.length > 20 && !all.some((text) => text.includes(cluster.root.keyPem.split('\n')[1]!)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('uninstall leaves the definitions with what users wrote, and takes all else', async () => {
    await cluster.put('/apis/networking.istio.io/v1/namespaces/default/serviceentries/kept', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      spec: { hosts: ['kept.example.com'] },
    });
    await assert.rejects(take({ yes: false }), /would be deleted, and nobody is there to ask/);
    const text = await take({});
    assert.ok(text.indexOf('mutatingwebhook') < text.indexOf('deployment.apps'));
    assert.match(text, /14 definitions stay, with 1 resources/);
    assert.equal(await cluster.api.read(`/api/v1/namespaces/${meshNamespace}`), null);
    assert.equal((await definitions()).length, 14);
    assert.equal(
      (await cluster.api.list('/api/v1/configmaps', { fieldSelector: 'metadata.name=tulle-ca-root-cert' })).items
        .length,
      0,
    );
  });

  test('with --purge nothing is left behind, of any kind', async () => {
    const text = await take({ purge: true });
    assert.match(text, /1 resources of serviceentries\.networking\.istio\.io are lost/);
    assert.match(await take({ purge: true }), /there is nothing of Tulle/);
    const names = execFileSync(kubectl, [...flagsOf(server), 'get', '-A', '-o', 'name', everyKind(server)], {
      encoding: 'utf8',
    });
    assert.deepEqual(
      names.split('\n').filter((name) => /tulle|istio\.io|smi-spec/.test(name)),
      [],
    );
  });

  test('kubectl applies the overlay of this version, and takes all of it', () => {
    const flags = flagsOf(server);
    const apply = (file: string) =>
      execFileSync(kubectl, [...flags, 'apply', '--server-side', '-k', join(manifests, file)], { encoding: 'utf8' });
    const text = apply('overlays/kubernetes-1.20');
    assert.match(text, /deployment\.apps\/payments-v2 serverside-applied/);
    assert.match(text, /tulle-injector serverside-applied/);
  });

  const render = (folder: string) => {
    const text = execFileSync(kubectl, ['kustomize', join(manifests, folder)], { encoding: 'utf8' });
    return parseAllDocuments(text).map((document) => document.toJS() as ClusterObject);
  };
  type Deployment = { replicas: number; template: { spec: { containers: { args: string[] }[] } } };
  const deploymentOf = (objects: readonly ClusterObject[]) =>
    objects.find(({ kind }) => kind === 'Deployment')!['spec'] as Deployment;

  test('kubectl renders every folder, and the overlay of one replica says one', () => {
    for (const folder of ['crds', 'control-plane', 'order-service', 'prometheus-operator'])
      assert.ok(render(folder).length > 0);
    assert.equal(deploymentOf(render('overlays/single-replica')).replicas, 1);
  });

  test('the overlay that repairs missed injections gives the flag, and the one right more that it needs', () => {
    const [plain, repairing] = [render('control-plane'), render('overlays/repair-injection')];
    assert.ok(deploymentOf(repairing).template.spec.containers[0]?.args.includes('--repair-injection'));
    const mayDeletePods = (objects: readonly ClusterObject[]) =>
      objects.some(
        ({ kind, rules }) => kind === 'ClusterRole' && /"pods"\],"verbs":\["delete"/.test(JSON.stringify(rules)),
      );
    assert.deepEqual([mayDeletePods(plain), mayDeletePods(repairing)], [false, true]);
  });
});

function listFiles(folder: string): string[] {
  return execFileSync('find', [folder, '-type', 'f', '-not', '-name', '*.gz'], { encoding: 'utf8' }).trim().split('\n');
}

/** With a cache of its own: another server may have had our port before. */
const flagsOf = ({ kubeconfig, folder }: ApiServer) => [
  '--kubeconfig',
  kubeconfig,
  '--cache-dir',
  join(folder, 'kubectl-cache'),
];

/** All kinds that can be listed, for `kubectl get`; events tell of what is gone. */
function everyKind(server: ApiServer): string {
  const args = [...flagsOf(server), 'api-resources', '--cached=false', '--verbs=list', '-o', 'name'];
  const names = execFileSync(kubectl, args, { encoding: 'utf8' }).trim().split('\n');
  return names.filter((name) => !name.startsWith('events') && name !== 'componentstatuses').join(',');
}
