import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSettings, corpus, corpusFacts, corpusPods, someFacts } from './corpus.fixture.ts';
import type { InjectionFacts } from './facts.ts';
import { inject } from './inject.ts';
import { annotationsOf, findContainer, labelsOf, type Container, type Pod } from './pod.ts';
import { readProbers } from './probes.ts';

/** What is particular to one input or annotation; what holds of all is in corpus.test.ts. */

type Given = Readonly<{
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  spec?: object;
  facts?: Partial<InjectionFacts>;
  injector?: object;
  mesh?: object;
}>;

function run({ annotations = {}, labels = {}, spec = {}, facts = {}, injector, mesh }: Given = {}) {
  const pod: Pod = {
    metadata: { name: 'app', annotations, labels },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
  };
  return inject(pod, someFacts(facts), aSettings(injector, mesh));
}

function injected(given: Given = {}): Pod {
  const result = run(given);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.pod;
}

const warningsOf = (given: Given) => {
  const result = run(given);
  return result.ok ? result.warnings.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)) : [];
};

function refusals(given: Given): string[] {
  const result = run(given);
  return result.ok
    ? []
    : result.problems.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
}

function ofCorpus(file: string, isNative = true): Pod {
  const one = corpus.find((each) => each.file === file);
  const [template] = corpusPods(file);
  assert.ok(one !== undefined && template !== undefined);
  const result = inject(template.pod, corpusFacts(one, template, isNative), one.settings);
  assert.ok(result.ok);
  return result.value.pod;
}

function container(pod: Pod, name: string): Container {
  const found = findContainer(pod, name);
  assert.ok(found !== undefined, `there is no ${name}`);
  return found;
}
const proxy = (pod: Pod) => container(pod, 'istio-proxy');
const flag = (pod: Pod, name: string, of = 'istio-proxy') => {
  const { args = [] } = container(pod, of);
  return args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
};
const captured = (pod: Pod, name: string) => flag(pod, name, 'istio-init');
const variable = (pod: Pod, name: string) => proxy(pod).env?.find((one) => one.name === name)?.value;

test('traffic annotations become flags of the capture', () => {
  const pod = ofCorpus('traffic-annotations.yaml');
  assert.equal(captured(pod, '--include-inbound-ports'), '1,2,3');
  assert.equal(captured(pod, '--exclude-inbound-ports'), '15090,15021,4,5,6,15020');
  assert.equal(captured(pod, '--exclude-outbound-ports'), '7,8,9');
  assert.equal(captured(pod, '--include-outbound-ip-ranges'), '127.0.0.1/24,10.96.0.1/24');
  assert.equal(captured(pod, '--exclude-outbound-ip-ranges'), '10.96.0.2/24,10.96.0.3/24');
  assert.equal(captured(ofCorpus('kubevirtInterfaces_list.yaml'), '--reroute-interfaces'), 'net1,net2');
  assert.equal(captured(ofCorpus('reroute-virtual-interfaces.yaml'), '--reroute-interfaces'), 'net0ps2');
});

test('empty lists of what to capture are said as empty lists', () => {
  const pod = ofCorpus('traffic-annotations-empty-includes.yaml');
  assert.equal(captured(pod, '--include-inbound-ports'), '');
  assert.equal(captured(pod, '--include-outbound-ip-ranges'), '');
});

test('the settings of the mesh hold where a pod says nothing', () => {
  const pod = ofCorpus('traffic-params.yaml');
  assert.equal(captured(pod, '--include-outbound-ip-ranges'), '127.0.0.1/24,10.96.0.1/24');
  assert.equal(captured(pod, '--exclude-inbound-ports'), '15090,15021,4,5,6');
  assert.equal(proxy(pod).readinessProbe, undefined);
  assert.equal(proxy(pod).startupProbe, undefined);
});

test('ProxyConfig of the pod goes over that of the mesh: address, threads, metadata', () => {
  const pod = ofCorpus('traffic-annotations.yaml');
  assert.equal(flag(pod, '--control-plane'), 'foo:123');
  assert.equal(flag(pod, '--concurrency'), '4', 'as many threads as processors are requested');
  assert.equal(variable(pod, 'FOO'), 'bar');
  assert.equal(variable(pod, 'ISTIO_META_TLS_CLIENT_KEY'), '/etc/identity2/client/keys/client-key.pem');
  assert.deepEqual(
    container(pod, 'istio-init').env?.find(({ name }) => name === 'FOO'),
    { name: 'FOO', value: 'bar' },
  );
  assert.deepEqual(proxy(pod).resources, { requests: { cpu: '4000m' } }, 'one annotation replaces all resources');
});

test('resources: annotations, and null takes a default away', () => {
  assert.deepEqual(proxy(ofCorpus('resource_annotations.yaml')).resources, {
    requests: { cpu: '100m', memory: '1Gi' },
    limits: { cpu: '1000m', memory: '2Gi' },
  });
  const mixed = { limits: { memory: '500Mi' }, requests: { cpu: '100m', 'ephemeral-storage': '1Gi' } };
  assert.deepEqual(proxy(ofCorpus('proxy-resources-mixed-null.yaml')).resources, mixed);
  assert.deepEqual(container(ofCorpus('proxy-resources-mixed-null.yaml'), 'istio-init').resources, mixed);
  assert.deepEqual(proxy(ofCorpus('proxy-resources-null.yaml')).resources, {
    limits: { memory: '500Mi' },
    requests: { memory: '150Mi' },
  });
  assert.deepEqual(proxy(injected()).resources, {
    requests: { cpu: '100m', memory: '128Mi' },
    limits: { cpu: '2000m', memory: '1024Mi' },
  });
});

test("the pod's own istio-proxy and istio-init go over ours, and are kept for the next time", () => {
  for (const isNative of [true, false]) {
    const pod = ofCorpus('proxy-override.yaml', isNative);
    const own = proxy(pod);
    assert.deepEqual(own.resources, {
      requests: { cpu: '123m', memory: '128Mi' },
      limits: { cpu: '3000m', memory: '1024Mi' },
    });
    assert.deepEqual(own.lifecycle?.preStop, { exec: { command: ['sleep', '10'] } });
    assert.equal(own['tty'], true);
    assert.ok((own['volumeMounts'] as { mountPath: string }[]).some(({ mountPath }) => mountPath === '/etc/certs'));
    assert.equal(own.securityContext?.runAsUser, 1234);
    const capture = container(pod, 'istio-init');
    assert.deepEqual([capture.image, capture.args], ['fake/custom-image', ['my', 'custom', 'args']]);
    const kept = JSON.parse(annotationsOf(pod)['proxy.istio.io/overrides'] ?? '') as { containers: Container[] };
    assert.equal(kept.containers[0]?.image, 'auto');
  }
  const args = proxy(ofCorpus('proxy-override-args.yaml'));
  assert.deepEqual([args.command, args.args], [['envoy'], ['-c', 'my-config.yaml']]);
});

test('capture leaves alone whom the pod lets the sidecar run as', () => {
  const own = { name: 'istio-proxy', image: 'auto', securityContext: { runAsUser: 1234, runAsGroup: 4321 } };
  const spec = { containers: [{ name: 'app' }, own] };
  const pod = injected({ spec });
  assert.deepEqual([captured(pod, '--uid'), captured(pod, '--gid')], ['1234', '4321']);
  const root = proxy(
    injected({ spec, annotations: { 'sidecar.istio.io/interceptionMode': 'TPROXY' } }),
  ).securityContext;
  assert.deepEqual([root?.runAsUser, root?.runAsGroup], [0, 4321]);
});

test('on OpenShift the user is the last of the range of the namespace, but not with TPROXY', () => {
  const facts = { namespaceAnnotations: { 'openshift.io/sa.scc.uid-range': '1000620000/10000' } };
  const pod = injected({ facts, injector: { platform: 'openshift' } });
  assert.deepEqual([proxy(pod).securityContext?.runAsUser, captured(pod, '--uid')], [1000629999, '1000629999']);
  assert.equal(captured(ofCorpus('hello-openshift-tproxy.yaml'), '--uid'), '1337');
  assert.equal(captured(ofCorpus('hello-openshift-tproxy.yaml'), '--mode'), 'TPROXY');
  assert.equal(proxy(injected({ facts })).securityContext?.runAsUser, 1337);
});

test("on OpenShift a user that the sidecar shares with the application is nobody's wish", () => {
  const securityContext = { readOnlyRootFilesystem: false, runAsUser: 1000620000 };
  const spec = {
    containers: [
      { name: 'app', securityContext },
      { name: 'istio-proxy', image: 'auto', securityContext },
    ],
  };
  const facts = { namespaceAnnotations: { 'openshift.io/sa.scc.uid-range': '1000620000/10000' } };
  const pod = injected({ spec, facts, injector: { platform: 'openshift' } });
  assert.deepEqual([proxy(pod).securityContext?.runAsUser, captured(pod, '--uid')], [1000629999, '1000629999']);
  assert.equal(proxy(pod).securityContext?.['readOnlyRootFilesystem'], false);
});

test('a classic sidecar holds the application by default; native ones by their startup probe', () => {
  const classic = injected({ facts: { takesNativeSidecars: false } });
  assert.deepEqual(proxy(classic).lifecycle, { postStart: { exec: { command: ['tulle-sidecar', 'wait'] } } });
  assert.equal(classic.spec.containers?.[0]?.name, 'istio-proxy');
  const free = injected({
    facts: { takesNativeSidecars: false },
    annotations: { 'mesh.tulle.dev/config': 'holdApplicationUntilProxyStarts: false' },
  });
  assert.deepEqual([proxy(free).lifecycle, free.spec.containers?.at(-1)?.name], [undefined, 'istio-proxy']);
  const native = proxy(injected());
  assert.deepEqual(native.lifecycle, { preStop: { exec: { command: ['tulle-sidecar', 'drain'] } } });
  assert.deepEqual([native.startupProbe?.['periodSeconds'], native.startupProbe?.['failureThreshold']], [1, 600]);
  const compat = { defaultConfig: { proxyMetadata: { TULLE_COMPAT: 'istio' } } };
  assert.equal(proxy(injected({ facts: { takesNativeSidecars: false }, mesh: compat })).lifecycle, undefined);
});

test('native or classic: the annotation wins over the settings, those over what the cluster takes', () => {
  const where = (given: Given) =>
    injected(given).spec.initContainers?.some(({ name }) => name === 'istio-proxy') === true ? 'native' : 'classic';
  const annotations = (value: string) => ({ 'sidecar.istio.io/nativeSidecar': value });
  assert.equal(where({ facts: { takesNativeSidecars: false } }), 'classic');
  assert.equal(where({ facts: { takesNativeSidecars: false }, injector: { nativeSidecars: true } }), 'native');
  assert.equal(where({ injector: { nativeSidecars: false } }), 'classic');
  assert.equal(where({ injector: { nativeSidecars: false }, annotations: annotations('true') }), 'native');
  assert.equal(where({ annotations: annotations('false') }), 'classic');
});

test('init containers of the pod come after a native sidecar, and before the capture of a classic one', () => {
  const spec = { initContainers: [{ name: 'migrate' }, { name: 'vpn', restartPolicy: 'Always' }] };
  const order = (given: Given) => injected({ spec, ...given }).spec.initContainers?.map(({ name }) => name);
  assert.deepEqual(order({}), ['istio-init', 'istio-proxy', 'migrate', 'vpn']);
  assert.deepEqual(order({ facts: { takesNativeSidecars: false } }), ['migrate', 'vpn', 'istio-init']);
  const before = { 'sidecar.istio.io/init-containers-before-proxy': 'vpn' };
  assert.deepEqual(order({ annotations: before }), ['istio-init', 'vpn', 'istio-proxy', 'migrate']);
});

test('without interception there is no capture', () => {
  const pod = injected({
    annotations: { 'sidecar.istio.io/interceptionMode': 'NONE' },
    facts: { takesNativeSidecars: false },
  });
  assert.equal(pod.spec.initContainers, undefined);
  assert.equal(flag(pod, '--interception'), 'NONE');
  assert.equal(variable(pod, 'ISTIO_META_INTERCEPTION_MODE'), 'NONE');
});

test('the sidecar knows the grace period of its pod, and how long to drain where that is said', () => {
  const times = (spec: object, config?: string) => {
    const annotations = config === undefined ? {} : { 'proxy.istio.io/config': config };
    const pod = injected({ spec, annotations });
    return [flag(pod, '--termination-seconds'), flag(pod, '--drain-seconds')];
  };
  assert.deepEqual(times({}), ['30', undefined]);
  assert.deepEqual(times({ terminationGracePeriodSeconds: 60 }), ['60', undefined]);
  assert.deepEqual(times({ terminationGracePeriodSeconds: 6 }), ['6', '4']);
  assert.deepEqual(times({ terminationGracePeriodSeconds: 0 }), ['0', '0']);
  assert.deepEqual(times({}, 'terminationDrainDuration: 7.5s'), ['30', '8']);
  assert.deepEqual(times({ terminationGracePeriodSeconds: 5 }, 'terminationDrainDuration: 1m'), ['5', '3']);
  assert.equal(flag(ofCorpus('format-duration.yaml'), '--drain-seconds'), '23');
});

test('names: the canonical one, the owner, the default container', () => {
  const pod = ofCorpus('truncate-canonical-name-pod.yaml');
  assert.equal(
    labelsOf(pod)['service.istio.io/canonical-name'],
    'helloworld-helloworld-helloworld-helloworld-helloworld-hellowor',
  );
  assert.equal(variable(pod, 'ISTIO_META_OWNER'), `kubernetes://apis/v1/namespaces/default/pods/${pod.metadata?.name}`);
  const config = ofCorpus('deploymentconfig-with-canonical-service-label.yaml');
  assert.equal(labelsOf(config)['service.istio.io/canonical-name'], 'test-service-name');
  assert.equal(labelsOf(ofCorpus('hello-otel-semconv.yaml'))['service.istio.io/canonical-revision'], 'v1.2.3');
  assert.equal(
    variable(ofCorpus('hello-namespace.yaml'), 'ISTIO_META_OWNER'),
    'kubernetes://apis/apps/v1/namespaces/test/deployments/hello',
  );
  assert.equal(
    variable(ofCorpus('cronjob.yaml'), 'ISTIO_META_OWNER'),
    'kubernetes://apis/batch/v1/namespaces/default/cronjobs/hellocron',
  );
  assert.equal(variable(ofCorpus('multi-container.yaml'), 'ISTIO_META_APP_CONTAINERS'), 'name1,name2,name3');
  assert.equal(
    variable(ofCorpus('multi-container.yaml'), 'ISTIO_META_POD_PORTS'),
    '[{"containerPort":123,"name":"foo"}]',
  );
  const labelled = injected({ annotations: { 'kubectl.kubernetes.io/default-container': 'x' } });
  assert.equal(annotationsOf(labelled)['kubectl.kubernetes.io/default-container'], 'x');
});

test('probes and hooks in the shape of Istio', () => {
  const pod = ofCorpus('hello-probes.yaml');
  assert.equal(
    variable(pod, 'ISTIO_KUBE_APP_PROBERS'),
    '{"/app-health/hello/livez":{"httpGet":{"port":80}},"/app-health/hello/readyz":{"httpGet":{"port":3333}},' +
      '"/app-health/world/livez":{"httpGet":{"port":90}},"/app-lifecycle/hello/poststartz":{"tcpSocket":{"port":93}},' +
      '"/app-lifecycle/hello/prestopz":{"httpGet":{"port":91}}}',
  );
  assert.deepEqual(container(pod, 'hello').lifecycle, {
    preStop: { httpGet: { path: '/app-lifecycle/hello/prestopz', port: 15020 } },
    postStart: { httpGet: { path: '/app-lifecycle/hello/poststartz', port: 15020 } },
  });
  const https = ofCorpus('https-probes.yaml');
  assert.equal(container(https, 'hello').readinessProbe?.httpGet?.['scheme'], 'HTTP');
  assert.deepEqual(readProbers(proxy(https))['/app-health/hello/readyz'], { httpGet: { port: 3333, scheme: 'HTTPS' } });
});

test('probes: gRPC, timeouts, what stays', () => {
  const probes = {
    livenessProbe: { grpc: { port: 9000, service: 'x' }, timeoutSeconds: 4, periodSeconds: 9 },
    readinessProbe: { httpGet: { port: 80, host: 'other' } },
    startupProbe: { tcpSocket: { port: 'nowhere' } },
  };
  const given = { spec: { containers: [{ name: 'app', ...probes }] } };
  const pod = injected(given);
  assert.deepEqual(readProbers(proxy(pod)), {
    '/app-health/app/livez': { grpc: { port: 9000, service: 'x' }, timeoutSeconds: 4 },
  });
  assert.deepEqual(container(pod, 'app').livenessProbe, {
    httpGet: { path: '/app-health/app/livez', port: 15020 },
    timeoutSeconds: 4,
    periodSeconds: 9,
  });
  assert.deepEqual(
    [container(pod, 'app').readinessProbe, container(pod, 'app').startupProbe],
    [probes.readinessProbe, probes.startupProbe],
  );
  assert.match(warningsOf(given).join(), /container app: startupProbe names a port that the container has not/);
});

test('probes of ports that are not captured stay, and so do all when the pod says so', () => {
  const spec = {
    containers: [{ name: 'app', livenessProbe: { httpGet: { port: 80 } }, readinessProbe: { httpGet: { port: 81 } } }],
  };
  const rewritten = (annotations: Record<string, string>) =>
    Object.keys(readProbers(proxy(injected({ spec, annotations }))));
  const [livez, readyz] = ['/app-health/app/livez', '/app-health/app/readyz'];
  assert.deepEqual(rewritten({}), [livez, readyz]);
  assert.deepEqual(rewritten({ 'traffic.sidecar.istio.io/excludeInboundPorts': '80' }), [readyz]);
  assert.deepEqual(rewritten({ 'traffic.sidecar.istio.io/includeInboundPorts': '80' }), [livez]);
  assert.deepEqual(rewritten({ 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' }), []);
  assert.deepEqual(rewritten({ 'status.sidecar.istio.io/port': '0' }), []);
});

test('another status port is told to everyone', () => {
  const pod = ofCorpus('status_annotations.yaml');
  assert.equal(flag(pod, '--status'), '0.0.0.0:123');
  assert.equal(variable(pod, 'TULLE_STATUS_PORT'), '123');
  assert.equal(annotationsOf(pod)['prometheus.io/port'], '123');
  assert.equal(captured(pod, '--exclude-inbound-ports'), '15090,15021,123');
  const { initialDelaySeconds, periodSeconds, failureThreshold } = proxy(pod).readinessProbe ?? {};
  assert.deepEqual([initialDelaySeconds, periodSeconds, failureThreshold], [100, 200, 300]);
});

test('metrics: the scrape goes to the sidecar, which knows where the application has its own', () => {
  const said = injected({
    annotations: { 'prometheus.io/port': '8080', 'prometheus.io.path': '/m', 'prometheus.io/scrape': 'true' },
  });
  assert.equal(variable(said, 'ISTIO_PROMETHEUS_ANNOTATIONS'), '{"scrape":"true","path":"/m","port":"8080"}');
  assert.equal(annotationsOf(said)['prometheus.io.path'], undefined);
  assert.deepEqual(
    ['scrape', 'path', 'port'].map((part) => annotationsOf(said)[`prometheus.io/${part}`]),
    ['true', '/stats/prometheus', '15020'],
  );
  const unsaid = injected();
  assert.deepEqual(
    [variable(unsaid, 'ISTIO_PROMETHEUS_ANNOTATIONS'), annotationsOf(unsaid)['prometheus.io/port']],
    [undefined, '15020'],
  );
  const off = ofCorpus('prometheus-scrape.yaml');
  assert.deepEqual(
    [annotationsOf(off)['prometheus.io/scrape'], annotationsOf(off)['prometheus.io/port']],
    ['false', undefined],
  );
  const unmerged = injected({
    annotations: { 'prometheus.istio.io/merge-metrics': 'false', 'prometheus.io/port': '1' },
  });
  assert.equal(annotationsOf(unmerged)['prometheus.io/port'], '1');
  assert.equal(annotationsOf(injected({ mesh: { enablePrometheusMerge: false } }))['prometheus.io/port'], undefined);
});

test('our annotations win over those of Istio', () => {
  const pod = injected({
    annotations: {
      'sidecar.istio.io/logLevel': 'debug',
      'mesh.tulle.dev/logLevel': 'error',
      'mesh.tulle.dev/excludeOutboundPorts': '5432',
    },
  });
  assert.deepEqual([flag(pod, '--log-level'), captured(pod, '--exclude-outbound-ports')], ['error', '5432']);
  assert.equal(flag(injected({ annotations: { 'sidecar.istio.io/logLevel': 'warning' } }), '--log-level'), 'warn');
});

test('images: of the pod, or with another suffix', () => {
  assert.equal(proxy(injected({ annotations: { 'sidecar.istio.io/proxyImage': 'r/x:2' } })).image, 'r/x:2');
  assert.equal(
    proxy(injected({ annotations: { 'sidecar.istio.io/proxyImageType': 'debug' } })).image,
    'tulle/sidecar:test-debug',
  );
  const mesh = { defaultConfig: { image: { imageType: 'distroless' } } };
  assert.equal(proxy(injected({ mesh })).image, 'tulle/sidecar:test-distroless');
  assert.equal(
    proxy(injected({ mesh, annotations: { 'sidecar.istio.io/proxyImageType': 'default' } })).image,
    'tulle/sidecar:test',
  );
});

test('volumes that a pod wants in its sidecar', () => {
  const pod = ofCorpus('user-volume.yaml');
  assert.ok(pod.spec.volumes?.some(({ name }) => name === 'user-volume-1'));
  const mounts = proxy(pod)['volumeMounts'] as { name: string }[];
  assert.deepEqual(
    mounts.find(({ name }) => name === 'user-volume-1'),
    { name: 'user-volume-1', mountPath: '/mnt/volume-1', readOnly: true },
  );
});

test('what the mesh adds to every pod: pull secrets, search domains, network, annotations', () => {
  const secrets = ofCorpus('hello-image-pull-secret.yaml');
  assert.deepEqual(secrets.spec['imagePullSecrets'], [{ name: 'fooSecret' }, { name: 'barSecret' }]);
  assert.match(annotationsOf(secrets)['sidecar.istio.io/status'] ?? '', /"imagePullSecrets":\["barSecret"\]/);
  const pod = injected({
    injector: { podDnsSearchNamespaces: ['global'], network: 'n1', injectedAnnotations: { a: 'b' } },
  });
  assert.deepEqual(pod.spec['dnsConfig'], { searches: ['global'] });
  assert.deepEqual([labelsOf(pod)['topology.istio.io/network'], variable(pod, 'ISTIO_META_NETWORK')], ['n1', 'n1']);
  assert.equal(annotationsOf(pod)['a'], 'b');
});

test('DNS and invalid packets are captured where the metadata says so', () => {
  const flags = (metadata: object) =>
    container(injected({ mesh: { defaultConfig: { proxyMetadata: metadata } } }), 'istio-init').args;
  assert.ok(
    flags({ ISTIO_META_DNS_CAPTURE: 'true', INVALID_DROP: 'true' })
      ?.join(' ')
      .endsWith('--dns --dns-port 15053 --drop-invalid'),
  );
  assert.ok(!flags({})?.includes('--dns'));
});

test('a bad annotation is refused by its name, with what would be right; all at once', () => {
  const annotations = {
    'traffic.sidecar.istio.io/includeInboundPorts': 'bad',
    'traffic.sidecar.istio.io/includeOutboundPorts': '70000',
    'traffic.sidecar.istio.io/excludeOutboundIPRanges': '10.0.0.0/33,bad',
    'mesh.tulle.dev/interceptionMode': 'SOMETIMES',
    'sidecar.istio.io/proxyCPU': 'much',
    'sidecar.istio.io/nativeSidecar': 'perhaps',
    'status.sidecar.istio.io/port': '-1',
  };
  assert.deepEqual(refusals({ annotations }), [
    'traffic.sidecar.istio.io/includeInboundPorts: "bad" is not valid, must be * or a list of ports with commas between, such as 80,443',
    'traffic.sidecar.istio.io/includeOutboundPorts: "70000" is not valid, must be a list of ports with commas between, such as 80,443',
    'traffic.sidecar.istio.io/excludeOutboundIPRanges: "10.0.0.0/33,bad" is not valid, must be a list of address ranges with commas between, such as 10.0.0.0/8,192.168.1.0/24',
    'mesh.tulle.dev/interceptionMode: "SOMETIMES" is not valid, must be one of REDIRECT, TPROXY, NONE',
    'sidecar.istio.io/proxyCPU: "much" is not valid, must be a quantity of Kubernetes, such as 100m or 128Mi',
    'sidecar.istio.io/nativeSidecar: "perhaps" is not valid, must be true or false',
    'status.sidecar.istio.io/port: "-1" is not valid, must be a port from 0 to 65535',
  ]);
});

test('ProxyConfig: unknown fields are refused by name, those of Istio that are not honoured are told', () => {
  const config = (text: string) => ({ annotations: { 'proxy.istio.io/config': text } });
  assert.deepEqual(refusals(config('concurency: 2')), [
    'proxy.istio.io/config: concurency: is no field of ProxyConfig',
  ]);
  assert.deepEqual(refusals(config('concurrency: two')), [
    'proxy.istio.io/config: concurrency: "two" is not valid, must be a whole number, not negative',
  ]);
  assert.match(refusals(config('{')).join(), /^proxy.istio.io\/config: is not YAML/);
  assert.deepEqual(refusals(config('[1]')), ['proxy.istio.io/config: must be an object: a ProxyConfig']);
  assert.deepEqual(warningsOf(config('tracing: {}')), ['proxy.istio.io/config: tracing: is not honoured']);
});

test('what is doubtful is told', () => {
  const told = (given: Given) => warningsOf(given).join('\n');
  assert.match(
    told({ annotations: { 'sidecar.istio.io/bootstrapOverride': 'x' } }),
    /bootstrapOverride: is not honoured/,
  );
  assert.match(
    told({ spec: { containers: [{ name: 'a', ports: [{ containerPort: 15021 }] }] } }),
    /container a: port 15021 is the sidecar's/,
  );
  assert.match(told({ spec: { containers: [{ name: 'a', securityContext: { runAsUser: 1337 } }] } }), /runAsUser 1337/);
  assert.match(
    told({ facts: { owner: { apiVersion: 'batch/v1', kind: 'Job', name: 'j' }, takesNativeSidecars: false } }),
    /quitquitquit/,
  );
  assert.match(told({ labels: { 'sidecar.istio.io/inject': 'flase' } }), /is taken for false/);
  assert.equal(told({}), '');
});
