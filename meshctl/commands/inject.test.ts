import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { findContainer, type Pod } from '#shared/injection/pod.ts';
import { CommandError } from '../command-error.ts';
import { buildProgram } from '../program.ts';
import { injectFiles, type InjectFlags } from './inject.ts';

const deployment = `# The shop.
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}   # one line
spec:
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
      # the only one
      - name: shop
        image: "shop:1"
      volumes:
      - {name: keys, secret: {secretName: keys, defaultMode: 0400}}
`;
const service = `---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:   {selector: {app: shop}}   # as it is
`;

function inFolder<T>(run: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-inject-'));
  try {
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(text: string, flags: Partial<InjectFlags> = {}, name = 'x.yaml') {
  return inFolder((folder) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    let out = '';
    const notes: string[] = [];
    const output = {
      out: (more: string) => (out += more),
      note: (more: string) => notes.push(more.replaceAll(folder, '')),
    };
    const exitCode = injectFiles({ filename: [file], native: 'auto', outputFile: null, ...flags }, 'i:1', output);
    return { exitCode, out, notes };
  });
}

type Document = Readonly<{ spec: { template: Pod } }>;
function templateOf(text: string): Pod {
  const [document] = parseAllDocuments(text);
  assert.ok(document !== undefined);
  return (document.toJS() as Document).spec.template;
}
const hasNative = (text: string) =>
  templateOf(text).spec.initContainers?.some(({ name }) => name === 'istio-proxy') === true;

test('comments, order and style stay; documents that nothing changes stay letter by letter', () => {
  const { exitCode, out, notes } = run(deployment + service);
  assert.deepEqual([exitCode, notes], [0, []]);
  assert.ok(out.endsWith(service));
  for (const line of [
    '# The shop.',
    '# one line',
    '      # the only one',
    '      - name: shop',
    '        image: "shop:1"',
    'defaultMode: 0400',
  ])
    assert.ok(out.includes(line), line);
  assert.ok(findContainer(templateOf(out), 'istio-proxy') !== undefined);
});

test('an injected file is injected again without a change', () => {
  const once = run(deployment + service).out;
  assert.equal(run(once).out, once);
});

test('what is no pod passes, as does what is no YAML of Kubernetes', () => {
  for (const text of [service, '', '# nothing\n', 'a: [1, 2]\n', '---\n---\n', '{"kind": "X"}'])
    assert.deepEqual(run(text), { exitCode: 0, out: text, notes: [] });
});

test('lists, jobs and cron jobs', () => {
  const pod = 'template: {spec: {containers: [{name: a}], restartPolicy: Never}}';
  const text = `{apiVersion: v1, kind: List, items: [
    {apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {${pod}}},
    {apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {${pod}}}}}]}`;
  const { out } = run(`apiVersion: v1\nkind: List\nitems: ${text.slice(text.indexOf('['), -1)}\n`);
  const { items } = parse(out) as {
    items: [{ spec: { template: Pod } }, { spec: { jobTemplate: { spec: { template: Pod } } } }];
  };
  for (const template of [items[0].spec.template, items[1].spec.jobTemplate.spec.template])
    assert.ok(findContainer(template, 'istio-proxy') !== undefined);
});

test('JSON stays JSON', () => {
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'a' }] },
  });
  const pod = JSON.parse(run(text, {}, 'x.json').out) as Pod;
  assert.ok(findContainer(pod, 'istio-proxy') !== undefined);
});

test('anchors: what one document shares is not changed where it stands twice', () => {
  const text = `apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: &l {app: a}}
spec: {template: {metadata: {labels: *l}, spec: {containers: [{name: a}]}}}
`;
  const document = parse(run(text).out) as { metadata: { labels: object } } & Document;
  assert.deepEqual(document.metadata.labels, { app: 'a' });
  assert.equal(templateOf(run(text).out).metadata?.labels?.['security.istio.io/tlsMode'], 'istio');
});

test('native: by default, unless the flag or the settings say otherwise', () => {
  assert.equal(hasNative(run(deployment).out), true);
  assert.equal(hasNative(run(deployment, { native: 'false' }).out), false);
  inFolder((folder) => {
    const injectorConfig = join(folder, 'injector.yaml');
    writeFileSync(injectorConfig, 'nativeSidecars: false\nimage: r/i:9\n');
    const { out } = run(deployment, { injectorConfig });
    assert.equal(hasNative(out), false);
    assert.equal(findContainer(templateOf(out), 'istio-proxy')?.image, 'r/i:9');
    assert.equal(hasNative(run(deployment, { injectorConfig, native: 'true' }).out), true);
  });
});

test('settings come from files, the control plane and the namespace from flags', () => {
  inFolder((folder) => {
    const meshConfig = join(folder, 'mesh.yaml');
    writeFileSync(meshConfig, 'trustDomain: example.org\n');
    const { out } = run(deployment, { meshConfig, controlPlane: 'cp:1', namespace: 'n' });
    const proxy = findContainer(templateOf(out), 'istio-proxy');
    const variable = (name: string) => proxy?.env?.find((one) => one.name === name)?.value;
    assert.deepEqual([variable('TRUST_DOMAIN'), proxy?.args?.[2]], ['example.org', 'cp:1']);
    assert.equal(variable('ISTIO_META_OWNER'), 'kubernetes://apis/apps/v1/namespaces/n/deployments/shop');
    writeFileSync(meshConfig, 'trustDomain: 7\n');
    assert.throws(
      () => run(deployment, { meshConfig }),
      (error) => error instanceof CommandError && error.exitCode === 65,
    );
  });
});

test('what is wrong is told by file and name, and nothing is written', () => {
  const bad = deployment.replace(
    'labels: {app: shop}',
    'labels: {app: shop}\n      annotations: {sidecar.istio.io/proxyCPU: much}',
  );
  assert.deepEqual(run(service.slice(4) + '---\n' + bad), {
    exitCode: 65,
    out: '',
    notes: [
      '/x.yaml: Deployment shop: sidecar.istio.io/proxyCPU: "much" is not valid, must be a quantity of Kubernetes, such as 100m or 128Mi',
    ],
  });
  assert.equal(run('a: [\n').exitCode, 65);
});

test('a pod that cannot be read is told, not passed over', () => {
  const told = (text: string) => run(text).notes.join();
  const bad = deployment.replace('labels: {app: shop}', 'annotations: {sidecar.istio.io/proxyCPU: 2}');
  assert.equal(run(bad).exitCode, 65);
  assert.match(
    told(bad),
    /Deployment shop: metadata.annotations: sidecar.istio.io\/proxyCPU must be a text, in quotes/,
  );
  assert.match(
    told('kind: Pod\nspec: {containers: [{image: x}]}\n'),
    /spec.containers must be a list of objects, each with a name/,
  );
  assert.match(told('kind: Pod\nmetadata: {name: a}\n'), /Pod a: spec must be an object/);
});

test('what is written without a value is nothing', () => {
  const text =
    'kind: Pod\nmetadata: {name: a, labels: , annotations: }\nspec:\n  initContainers:\n  volumes:\n  containers:\n  - name: a\n    env:\n    ports:\n';
  const { exitCode, out } = run(text);
  assert.equal(exitCode, 0);
  assert.ok(findContainer(parse(out) as Pod, 'istio-proxy') !== undefined);
});

test('what is not injected is told', () => {
  const { out, notes } = run(
    deployment.replace('    spec:\n      containers', '    spec:\n      hostNetwork: true\n      containers'),
  );
  assert.ok(!out.includes('istio-proxy'));
  assert.deepEqual(notes, [
    '/x.yaml: Deployment shop: not injected, the pod is in the network of its host, whose traffic must not be captured',
  ]);
});

test('several files and folders become documents of one, by the command as it is typed', async () => {
  await inFolderAsync(async (folder) => {
    mkdirSync(join(folder, 'in'));
    writeFileSync(join(folder, 'in', 'a.yaml'), deployment.trimEnd());
    writeFileSync(join(folder, 'in', 'b.yaml'), service.slice(4));
    const out = join(folder, 'out.yaml');
    let exitCode = -1;
    const program = buildProgram((code) => (exitCode = code));
    await program.parseAsync(['node', 'meshctl', 'inject', '-f', join(folder, 'in'), '-o', out]);
    assert.equal(exitCode, 0);
    const documents = parseAllDocuments(readFileSync(out, 'utf8')).map((one) => (one.toJS() as { kind: string }).kind);
    assert.deepEqual(documents, ['Deployment', 'Service']);
  });
});

async function inFolderAsync(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-inject-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
