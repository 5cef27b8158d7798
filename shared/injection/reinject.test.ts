import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSettings, someFacts } from './corpus.fixture.ts';
import { inject } from './inject.ts';
import { annotationsOf, findContainer, type Pod } from './pod.ts';
import { readProbers } from './probes.ts';

/** An injected pod comes again: unchanged (corpus.test.ts), changed by others, injected otherwise, or by Istio. */

const aPod = (): Pod => ({
  metadata: { name: 'hello', annotations: { 'prometheus.io/port': '8080' } },
  spec: {
    containers: [
      { name: 'hello', ports: [{ name: 'http', containerPort: 80 }], livenessProbe: { httpGet: { port: 'http' } } },
    ],
  },
});

function injected(pod: Pod, takesNativeSidecars = true): Pod {
  const result = inject(pod, someFacts({ takesNativeSidecars }), aSettings());
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.pod;
}

function proxyOf(pod: Pod) {
  const proxy = findContainer(pod, 'istio-proxy');
  assert.ok(proxy !== undefined);
  return proxy;
}

const variable = (pod: Pod, name: string) => proxyOf(pod).env?.find((one) => one.name === name)?.value;

test('what other webhooks and Kubernetes added to our containers stays', () => {
  const changed = structuredClone(injected(aPod()));
  const proxy = proxyOf(changed);
  const mount = {
    name: 'kube-api-access-x',
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    readOnly: true,
  };
  proxy['volumeMounts'] = [...(proxy['volumeMounts'] as object[]), mount];
  proxy.env = [...(proxy.env ?? []), { name: 'VAULT', value: 'x' }];
  changed.spec.volumes?.push({ name: 'kube-api-access-x', projected: {} });
  const again = injected(changed);
  assert.deepEqual(again, changed);
});

test('what others changed of ours is as we make it', () => {
  const changed = structuredClone(injected(aPod()));
  proxyOf(changed).image = 'other';
  proxyOf(changed).args = [];
  assert.deepEqual(injected(changed), injected(aPod()));
});

test('a container that came since has its probes rewritten, those of the others are kept', () => {
  const changed = structuredClone(injected(aPod()));
  changed.spec.containers?.push({ name: 'new', livenessProbe: { httpGet: { path: '/testLive', port: 8008 } } });
  const again = injected(changed);
  assert.deepEqual(readProbers(proxyOf(again)), {
    '/app-health/hello/livez': { httpGet: { port: 80 } },
    '/app-health/new/livez': { httpGet: { path: '/testLive', port: 8008 } },
  });
  assert.equal(variable(again, 'ISTIO_META_APP_CONTAINERS'), 'hello,new');
});

test('a classic sidecar becomes a native one, and the other way', () => {
  assert.deepEqual(
    injected(injected(aPod(), false), true).spec.initContainers?.map(({ name }) => name),
    ['istio-init', 'istio-proxy'],
  );
  const classic = injected(injected(aPod(), true), false);
  assert.deepEqual(
    classic.spec.containers?.map(({ name }) => name),
    ['istio-proxy', 'hello'],
  );
  assert.deepEqual([proxyOf(classic).restartPolicy, proxyOf(classic).lifecycle?.preStop], [undefined, undefined]);
});

test("the user's own container of our name is not taken for ours", () => {
  const pod = aPod();
  pod.spec.containers?.push({ name: 'istio-proxy', image: 'auto', resources: { limits: { cpu: '3' } } });
  const again = injected(injected(pod));
  assert.deepEqual(again, injected(pod));
  assert.deepEqual(proxyOf(again).resources?.['limits'], { cpu: '3', memory: '1024Mi' });
});

test('a pod that Istio injected gets our sidecar in place of its proxy', () => {
  const byIstio: Pod = {
    metadata: {
      name: 'hello',
      annotations: {
        'prometheus.io/path': '/stats/prometheus',
        'prometheus.io/port': '15020',
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/status':
          '{"initContainers":["istio-init"],"containers":["istio-proxy"],"volumes":["istio-envoy"],"imagePullSecrets":null,"revision":"default"}',
      },
    },
    spec: {
      containers: [
        {
          name: 'istio-proxy',
          image: 'proxyv2',
          args: ['proxy', 'sidecar'],
          env: [{ name: 'ISTIO_KUBE_APP_PROBERS', value: '{"/app-health/hello/readyz":{"httpGet":{"port":3333}}}' }],
        },
        { name: 'hello', readinessProbe: { httpGet: { path: '/app-health/hello/readyz', port: 15020 } } },
      ],
      initContainers: [{ name: 'istio-init', image: 'proxyv2', args: ['istio-iptables'] }],
      volumes: [{ name: 'istio-envoy', emptyDir: {} }],
    },
  };
  const again = injected(byIstio);
  assert.deepEqual(
    again.spec.containers?.map(({ name }) => name),
    ['hello'],
  );
  assert.equal(proxyOf(again).args?.[0], '--pod');
  assert.deepEqual(readProbers(proxyOf(again)), { '/app-health/hello/readyz': { httpGet: { port: 3333 } } });
  assert.ok(!again.spec.volumes?.some(({ name }) => name === 'istio-envoy'));
  assert.equal(variable(again, 'ISTIO_PROMETHEUS_ANNOTATIONS'), undefined);
});

test('a status that names the application takes nothing of it away', () => {
  const pod = aPod();
  const forged = JSON.stringify({
    containers: ['hello', 'istio-proxy'],
    initContainers: null,
    volumes: null,
    revision: 'x',
  });
  pod.metadata = { ...pod.metadata, annotations: { ...annotationsOf(pod), 'sidecar.istio.io/status': forged } };
  assert.deepEqual(injected(pod).spec.containers, injected(aPod()).spec.containers);
});

test('text that is not ours in our annotations does no harm', () => {
  const pod = aPod();
  pod.metadata = {
    ...pod.metadata,
    annotations: { ...annotationsOf(pod), 'sidecar.istio.io/status': '{', 'proxy.istio.io/overrides': '[1]' },
  };
  assert.deepEqual(injected(pod).spec, injected(aPod()).spec);
});

test('what the user wrote for Prometheus comes through a second time, even if it points at the sidecar', () => {
  const pod = aPod();
  pod.metadata = { ...pod.metadata, annotations: { 'prometheus.io/port': '15020', 'prometheus.io/scrape': 'true' } };
  const once = injected(pod);
  assert.equal(annotationsOf(once)['prometheus.io/path'], undefined);
  assert.deepEqual(injected(once), once);
  assert.equal(
    variable(injected(injected(aPod())), 'ISTIO_PROMETHEUS_ANNOTATIONS'),
    '{"scrape":"","path":"","port":"8080"}',
  );
});
