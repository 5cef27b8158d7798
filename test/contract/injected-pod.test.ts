import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addCaptureVerbs } from '../../meshctl/capture/flags.ts';
import { parseCapture, type CaptureFlags } from '../../meshctl/capture/settings.ts';
import { corpus, corpusFacts, corpusPods } from '../../shared/injection/corpus.fixture.ts';
import { inject } from '../../shared/injection/inject.ts';
import { annotationsOf, findContainer, labelsOf, type Container, type Pod } from '../../shared/injection/pod.ts';
import { readProbers } from '../../shared/injection/probes.ts';
import { formatProblems } from '../../shared/runtime/result.ts';
import { parseSettings } from '../../sidecar/settings.ts';

/** What the injector writes is what the sidecar and `meshctl capture` read: arguments, environment and files, for every input of the corpus. */

const inputs = corpus.filter(({ shape }) => shape === 'sidecar' || shape === 'gateway');
/** Their users give the containers arguments of their own. */
const withOwnArguments = new Set(['proxy-override.yaml', 'proxy-override-args.yaml']);

function injectedPods(file: string): Pod[] {
  const one = corpus.find((each) => each.file === file);
  assert.ok(one !== undefined);
  return [true, false].flatMap((isNative) =>
    corpusPods(file).map((template) => {
      const result = inject(template.pod, corpusFacts(one, template, isNative), one.settings);
      assert.ok(result.ok);
      return result.value.pod;
    }),
  );
}

/** Variables as the kubelet fills them in. */
function environmentOf({ env = [] }: Container, pod: Pod): Record<string, string> {
  const fields: Record<string, string> = {
    'metadata.name': 'pod-1',
    'metadata.namespace': 'default',
    'status.podIP': '10.0.0.1',
    'status.podIPs': '10.0.0.1,fd00::1',
    'spec.serviceAccountName': String(pod.spec['serviceAccountName'] ?? 'default'),
    'status.hostIP': '10.1.0.1',
    'spec.nodeName': 'node-1',
  };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const path = (valueFrom?.['fieldRef'] as { fieldPath: string } | undefined)?.fieldPath;
      if (path !== undefined) assert.ok(path in fields, path);
      return [name, value ?? fields[path ?? ''] ?? ''];
    }),
  );
}

/** Files as the kubelet writes them. */
function filesOf(pod: Pod): (path: string) => string | null {
  const lines = (texts: Readonly<Record<string, string>>) =>
    Object.entries(texts)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join('\n');
  const files: Record<string, string> = {
    '/etc/istio/pod/labels': lines(labelsOf(pod)),
    '/etc/istio/pod/annotations': lines(annotationsOf(pod)),
    '/var/run/secrets/tokens/istio-token': 'token',
    '/var/run/secrets/istio/root-cert.pem': 'root',
  };
  return (path) => files[path] ?? null;
}

for (const { file } of inputs.filter((one) => !withOwnArguments.has(one.file))) {
  test(`${file}: the sidecar reads its arguments, environment and files`, () => {
    for (const pod of injectedPods(file)) {
      const proxy = findContainer(pod, 'istio-proxy');
      assert.ok(proxy !== undefined);
      const settings = parseSettings(proxy.args ?? [], environmentOf(proxy, pod), filesOf(pod));
      assert.ok(settings.ok, settings.ok ? '' : formatProblems(settings.problems));
      assert.ok(settings.value !== 'help' && settings.value.kind === 'meshed');
      const { name, namespace, app, metadata, labels } = settings.value;
      assert.deepEqual([name, namespace], ['pod-1', 'default']);
      assert.ok(app !== null);
      assert.deepEqual([...app.probers.keys()].toSorted(), Object.keys(readProbers(proxy)).toSorted());
      assert.equal(
        metadata['INTERCEPTION_MODE'],
        proxy.env?.find((one) => one.name === 'ISTIO_META_INTERCEPTION_MODE')?.value,
      );
      for (const label of Object.keys(labelsOf(pod))) assert.ok(label in labels, label);
    }
  });
}

/** `meshctl capture apply` with its action replaced: the flags as commander reads them. */
function readCaptureFlags(args: readonly string[]): CaptureFlags {
  const program = new Command().exitOverride();
  addCaptureVerbs(program, () => assert.fail('is not to run'));
  const apply = program.commands
    .find((one) => one.name() === 'capture')
    ?.commands.find((one) => one.name() === 'apply');
  assert.ok(apply !== undefined);
  let read: CaptureFlags | undefined;
  apply.exitOverride().action((flags: CaptureFlags) => {
    read = flags;
  });
  program.parse(args.slice(1), { from: 'user' });
  assert.ok(read !== undefined);
  return read;
}

for (const { file, shape } of inputs) {
  if (shape !== 'sidecar' || file === 'proxy-override.yaml') continue;
  test(`${file}: meshctl capture reads its flags`, () => {
    for (const pod of injectedPods(file)) {
      const { command = [], args = [] } = findContainer(pod, 'istio-init') ?? {};
      assert.equal(command[0], 'meshctl');
      const settings = parseCapture(readCaptureFlags([...command, ...args]), ['10.96.0.10']);
      assert.ok(settings.ok, settings.ok ? '' : formatProblems(settings.problems));
      assert.ok(settings.value.uids.length > 0 && !settings.value.uids.includes(0));
      for (const port of ['15090', '15021']) assert.ok(settings.value.excludeInboundPorts.includes(port));
    }
  });
}
