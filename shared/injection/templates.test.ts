import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSettings, corpus, corpusFacts, corpusPods, someFacts } from './corpus.fixture.ts';
import { inject } from './inject.ts';
import { annotationsOf, findContainer, labelsOf, type Pod } from './pod.ts';

/** Which templates a pod gets, and what they may say. */

const aPod = (templates?: string): Pod => ({
  metadata: {
    name: 'hello',
    labels: { team: 'a' },
    annotations: { note: 'x', ...(templates === undefined ? {} : { 'inject.istio.io/templates': templates }) },
  },
  spec: {
    serviceAccountName: 'robot',
    containers: [
      { name: 'hello', image: 'h' },
      { name: 'world', image: 'w' },
    ],
  },
});

function injected(pod: Pod, injector?: object): Pod {
  const result = inject(pod, someFacts({ namespace: 'shop', takesNativeSidecars: false }), aSettings(injector));
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.pod;
}

function ofCorpus(file: string): Pod {
  const one = corpus.find((each) => each.file === file);
  const [template] = corpusPods(file);
  assert.ok(one !== undefined && template !== undefined);
  const result = inject(template.pod, corpusFacts(one, template, true), one.settings);
  assert.ok(result.ok);
  return result.value.pod;
}

const names = (list: readonly Readonly<{ name: string }>[] | undefined) => (list ?? []).map(({ name }) => name);

test('several templates are merged one after another, once each; an alias stands for several', () => {
  const templates = {
    a: { spec: { containers: [{ name: 'helper', image: 'a', env: [{ name: 'A', value: '1' }] }] } },
    b: 'spec:\n  containers:\n  - {name: helper, env: [{name: A, value: "2"}, {name: B, value: "3"}]}\n',
  };
  for (const named of ['a,b', 'a, b ,a', 'both']) {
    const pod = injected(aPod(named), { templates, aliases: { both: ['a', 'b'] } });
    assert.deepEqual(findContainer(pod, 'helper'), {
      name: 'helper',
      image: 'a',
      env: [
        { name: 'A', value: '2' },
        { name: 'B', value: '3' },
      ],
    });
    assert.equal(findContainer(pod, 'istio-proxy'), undefined);
    assert.match(annotationsOf(pod)['sidecar.istio.io/status'] ?? '', /"containers":\["helper"\]/);
    const again = inject(
      pod,
      someFacts({ namespace: 'shop' }),
      aSettings({ templates, aliases: { both: ['a', 'b'] } }),
    );
    assert.ok(again.ok);
    assert.deepEqual(again.value.patch, []);
  }
  assert.ok(findContainer(ofCorpus('multiple-templates.yaml'), 'istio-proxy') !== undefined);
});

test('templates beside the sidecar: their parts go over its container', () => {
  const pod = ofCorpus('gateway-spire.yaml');
  assert.deepEqual(
    pod.spec.volumes?.find(({ name }) => name === 'workload-socket'),
    {
      name: 'workload-socket',
      csi: { driver: 'csi.spiffe.io', readOnly: true },
    },
  );
  const mounts = findContainer(pod, 'istio-proxy')?.['volumeMounts'] as { mountPath: string }[];
  assert.ok(mounts.some(({ mountPath }) => mountPath === '/var/run/secrets/workload-spiffe-uds'));
});

test('placeholders are filled in, and a container called * is each of the application', () => {
  const custom = {
    metadata: { annotations: { 'who/{{ label:team }}': '{{ workloadName }}.{{namespace}} as {{ serviceAccount }}' } },
    spec: {
      containers: [
        { name: '*', env: [{ name: 'ME', value: '{{ container }} {{ annotation:note }}{{ label:none }}' }] },
      ],
    },
  };
  const pod = injected(aPod('custom'), { templates: { custom } });
  assert.equal(annotationsOf(pod)['who/a'], 'hello.shop as robot');
  assert.deepEqual(pod.spec.containers, [
    { name: 'hello', image: 'h', env: [{ name: 'ME', value: 'hello x' }] },
    { name: 'world', image: 'w', env: [{ name: 'ME', value: 'world x' }] },
  ]);
});

test('what a pod says of its own containers wins over a template', () => {
  const pod: Pod = {
    ...aPod('custom'),
    spec: { containers: [{ name: 'hello', env: [{ name: 'A', value: 'own' }] }, { name: 'world' }] },
  };
  const custom = { spec: { containers: [{ name: '*', env: [{ name: 'A', value: 'theirs' }] }] } };
  const after = injected(pod, { templates: { custom } });
  assert.deepEqual(
    after.spec.containers?.map(({ env }) => env?.[0]?.value),
    ['own', 'theirs'],
  );
});

test('a value can never change the shape of a template', () => {
  const pod = aPod('custom');
  pod.metadata = { ...pod.metadata, labels: { team: '"}]\nspec: {hostNetwork: true}' } };
  const after = injected(pod, { templates: { custom: { metadata: { annotations: { a: '{{ label:team }}' } } } } });
  assert.deepEqual([annotationsOf(after)['a'], after.spec.hostNetwork], ['"}]\nspec: {hostNetwork: true}', undefined]);
});

test('a template that is not there is refused by name', () => {
  const result = inject(aPod('sidecar,spyre'), someFacts(), aSettings());
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ path, message }) => `${path}: ${message}`),
    ['inject.istio.io/templates: there is no template "spyre", there are sidecar, gateway, grpc-simple, grpc-agent'],
  );
});

test('default templates come from the settings', () => {
  const pod = injected(aPod(), {
    defaultTemplates: ['sidecar', 'more'],
    templates: { more: { metadata: { labels: { more: 'yes' } } } },
  });
  assert.equal(labelsOf(pod)['more'], 'yes');
  assert.ok(findContainer(pod, 'istio-proxy') !== undefined);
});

test('a gateway has a proxy and no capture, and says what it does not do', () => {
  const pod = ofCorpus('gateway.yaml');
  assert.deepEqual([names(pod.spec.containers), pod.spec.initContainers], [['istio-proxy'], undefined]);
  assert.equal(findContainer(pod, 'istio-proxy')?.['imagePullPolicy'], 'IfNotPresent');
  assert.equal(labelsOf(pod)['security.istio.io/tlsMode'], undefined);
  const [template] = corpusPods('gateway.yaml');
  assert.ok(template !== undefined);
  const result = inject(template.pod, someFacts(), aSettings());
  assert.match(
    result.ok ? result.warnings.map(({ message }) => message).join() : '',
    /listeners of a Gateway are not served/,
  );
});

test('proxyless gRPC is told where its configuration comes from', () => {
  const pod = ofCorpus('grpc-simple.yaml');
  assert.deepEqual(
    [names(pod.spec.containers), pod.spec.initContainers, pod.spec.volumes],
    [['traffic'], undefined, undefined],
  );
  const value = findContainer(pod, 'traffic')?.env?.find(({ name }) => name === 'GRPC_XDS_BOOTSTRAP_CONFIG')?.value;
  const bootstrap = JSON.parse(value ?? '') as { xds_servers: { server_uri: string }[]; node: { id: string } };
  assert.equal(bootstrap.xds_servers[0]?.server_uri, 'dns:///tulle-control-plane.tulle-system.svc:15010');
  assert.match(bootstrap.node.id, /^sidecar~\$\(INSTANCE_IP\)~\$\(POD_NAME\)\.\$\(POD_NAMESPACE\)~/);
  assert.deepEqual(findContainer(pod, 'traffic')?.readinessProbe, { httpGet: { port: 80 } }, 'nothing is captured');
});

test('grpc-agent is proxyless with a sidecar beside', () => {
  const pod = injected(aPod('grpc-agent'));
  assert.deepEqual(names(pod.spec.containers), ['istio-proxy', 'hello', 'world']);
  assert.equal(findContainer(pod, 'istio-init'), undefined);
  assert.ok(findContainer(pod, 'world')?.env?.some(({ name }) => name === 'GRPC_XDS_BOOTSTRAP_CONFIG'));
});
