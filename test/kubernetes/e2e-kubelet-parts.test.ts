/** The decisions of the node that runs the pods of the tests: values in, values out. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { userArguments } from '../support/kubernetes/kubelet/container-script.ts';
import { recordsOf } from '../support/kubernetes/kubelet/dns-records.ts';
import { environmentOf, expand, resourceOf } from '../support/kubernetes/kubelet/environment.ts';
import { commandOf, parseImage } from '../support/kubernetes/kubelet/images.ts';
import { mirrorOf } from '../support/kubernetes/kubelet/mirror.ts';
import { podNetwork } from '../support/kubernetes/kubelet/network.ts';
import type { Container, Endpoints, Pod, Service } from '../support/kubernetes/kubelet/objects.ts';
import { type ContainerState, podStatus, type Progress } from '../support/kubernetes/kubelet/pod-status.ts';
import { afterTry } from '../support/kubernetes/kubelet/prober.ts';
import { serviceRules } from '../support/kubernetes/kubelet/service-rules.ts';

const service = (name: string, spec: NonNullable<Service['spec']>): Service => ({
  metadata: { name, namespace: 'shop' },
  spec,
});
const endpoints = (name: string, ips: readonly string[]): Endpoints => ({
  metadata: { name, namespace: 'shop' },
  subsets: [{ addresses: ips.map((ip) => ({ ip, hostname: `h${ip.at(-1)}` })), ports: [{ name: 'http', port: 8080 }] }],
});
const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
const orders = service('orders', { clusterIP: '10.96.3.4', clusterIPs: ['10.96.3.4'], ports });

describe('rules of services', () => {
  test('connections are shared out evenly among the endpoints', () => {
    const rules = serviceRules([orders], [endpoints('orders', ['10.244.0.2', '10.244.0.3', '10.244.0.4'])]).split('\n');
    assert.deepEqual(
      rules.filter((rule) => rule.includes('DNAT')),
      [
        '-A SERVICE-0 -p tcp -m statistic --mode random --probability 0.3333333333 -j DNAT --to-destination 10.244.0.2:8080',
        '-A SERVICE-0 -p tcp -m statistic --mode random --probability 0.5000000000 -j DNAT --to-destination 10.244.0.3:8080',
        '-A SERVICE-0 -p tcp -j DNAT --to-destination 10.244.0.4:8080',
      ],
    );
    assert.ok(rules.includes('-A SERVICES -d 10.96.3.4/32 -p tcp -m tcp --dport 80 -j SERVICE-0'));
  });

  test('a service without endpoints refuses, a headless one has no rules', () => {
    const headless = service('events', { clusterIP: 'None', ports });
    const rules = serviceRules([orders, headless], []).split('\n');
    assert.deepEqual(
      rules.filter((rule) => rule.includes('--dport')),
      ['-A REFUSED -d 10.96.3.4/32 -p tcp -m tcp --dport 80 -j REJECT'],
    );
  });
});

test('names: services, headless ones, their pods, other names, and none', () => {
  const headless = service('events', { clusterIP: 'None', ports });
  const alias = service('bank', { type: 'ExternalName', externalName: 'bank.example' });
  const of = (host: string) =>
    recordsOf(host, [orders, headless, alias], [endpoints('events', ['10.244.0.2', '10.244.0.3'])]);
  assert.deepEqual(of('orders.shop.svc.cluster.local'), { addresses: ['10.96.3.4'] });
  assert.deepEqual(of('EVENTS.shop.svc.cluster.local.'), { addresses: ['10.244.0.2', '10.244.0.3'] });
  assert.deepEqual(of('h3.events.shop.svc.cluster.local'), { addresses: ['10.244.0.3'] });
  assert.deepEqual(of('bank.shop.svc.cluster.local'), { addresses: [], alias: 'bank.example' });
  assert.deepEqual(of('10-244-0-2.shop.pod.cluster.local'), { addresses: ['10.244.0.2'] });
  assert.equal(of('orders.elsewhere.svc.cluster.local'), undefined);
  assert.equal(of('orders.shop.svc.example'), 'foreign');
});

describe('environment', () => {
  const container: Container = {
    name: 'app',
    env: [
      { name: 'A', value: 'x' },
      { name: 'B', value: '$(A)-$$(A)-$(NONE)' },
      { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'absent', optional: true } } },
      { name: 'D', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    ],
    envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }],
    resources: { limits: { cpu: '1500m', memory: '128Mi' } },
  };
  const pod: Pod = { metadata: { name: 'p', labels: { app: 'shop' } }, spec: { containers: [container] } };
  const sources = { configMap: () => ({ one: '1' }), secret: () => ({}) };

  test('references, prefixes and variables within variables', () => {
    const { A, B, C, D, P_one, HOSTNAME } = environmentOf(pod, container, sources);
    assert.deepEqual(
      { A, B, C, D, P_one, HOSTNAME },
      { A: 'x', B: 'x-$(A)-$(NONE)', C: undefined, D: 'shop', P_one: '1', HOSTNAME: 'p' },
    );
  });

  test('what is not there is an error by name', () => {
    const none = { configMap: () => undefined, secret: () => undefined };
    assert.throws(() => environmentOf(pod, container, none), /"c" not found/);
  });

  test('resources are rounded up to their divisor', () => {
    assert.equal(resourceOf(container, 'limits.cpu', '1'), '2');
    assert.equal(resourceOf(container, 'limits.memory', '1Mi'), '128');
    assert.equal(resourceOf(container, 'requests.cpu', '1m'), '0');
    assert.equal(expand('$(X)', {}), '$(X)');
  });
});

describe('images', () => {
  const rules = [
    {
      match: /^tulle\/(\w+)$/,
      image: ([, name]: readonly string[]) => ({ entrypoint: [`run-${name}`], command: ['serve'] }),
    },
  ];

  test('registry, tag and digest are not the name', () => {
    assert.deepEqual(parseImage('registry.example:5000/tulle/sidecar:1.2@sha256:00'), {
      name: 'tulle/sidecar',
      tag: '1.2',
    });
    assert.deepEqual(parseImage('curl'), { name: 'curl', tag: 'latest' });
  });

  test('command replaces entry point and arguments, args the arguments alone', () => {
    const image = 'localhost/tulle/sidecar:1';
    assert.deepEqual(commandOf(rules, { image }).command, ['run-sidecar', 'serve']);
    assert.deepEqual(commandOf(rules, { image, args: ['--pod'] }).command, ['run-sidecar', '--pod']);
    assert.deepEqual(commandOf(rules, { image, command: ['sh'] }).command, ['sh']);
    assert.throws(() => commandOf(rules, { image: 'unknown' }), { name: 'ImageError' });
  });
});

test('users and capabilities are those of the container, else of its pod', () => {
  const container: Container = {
    name: 'c',
    securityContext: { runAsUser: 5, capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
  };
  assert.deepEqual(userArguments(container, { runAsUser: 9, runAsGroup: 7, fsGroup: 3 }), [
    '--reuid=5',
    '--regid=7',
    '--groups=3',
    '--bounding-set=-all,+net_admin',
    '--inh-caps=-all',
    '--ambient-caps=-all',
  ]);
  assert.throws(() => userArguments({ name: 'c' }, { runAsNonRoot: true }), /runAsNonRoot/);
});

test('probes turn after as many tries in a row as their thresholds say', () => {
  const probe = { failureThreshold: 2, successThreshold: 2 };
  const verdicts = [true, true, false, true, false, false].reduce(
    (all, passed) => [...all, afterTry(all.at(-1) ?? { ok: false, against: 0 }, passed, probe)],
    [] as { ok: boolean; against: number }[],
  );
  assert.deepEqual(
    verdicts.map(({ ok }) => ok),
    [false, true, true, true, true, false],
  );
});

describe('status of a pod', () => {
  const pod: Pod = {
    spec: {
      initContainers: [{ name: 'init' }, { name: 'proxy', restartPolicy: 'Always' }],
      containers: [{ name: 'app' }],
    },
  };
  const running: ContainerState = {
    run: { kind: 'running', startedAt: 't1' },
    restarts: 0,
    started: true,
    ready: true,
    id: '1',
  };
  const ended = (exitCode: number): ContainerState => ({
    run: { kind: 'ended', reason: 'Completed', exitCode, startedAt: 't1', finishedAt: 't2' },
    restarts: 0,
    started: false,
    ready: false,
    id: '1',
  });
  const progress = (containers: Record<string, ContainerState>, finished = false): Progress => ({
    ip: '10.244.0.2',
    hostIp: '10.244.0.1',
    startTime: 't0',
    now: 't3',
    finished,
    containers: new Map(Object.entries(containers)),
  });
  const summary = (containers: Record<string, ContainerState>, finished = false) => {
    const { phase, conditions = [] } = podStatus(pod, progress(containers, finished), []);
    return `${phase} ${conditions
      .filter(({ status }) => status === 'True')
      .map(({ type }) => type)
      .join(' ')}`;
  };

  test('from init containers to readiness to the end', () => {
    assert.equal(summary({}), 'Pending PodScheduled');
    assert.equal(summary({ init: ended(0) }), 'Pending PodScheduled');
    assert.equal(summary({ init: ended(0), proxy: running }), 'Pending Initialized PodScheduled');
    const all = { init: ended(0), proxy: running, app: running };
    assert.equal(summary(all), 'Running Initialized Ready ContainersReady PodScheduled');
    assert.equal(summary({ ...all, proxy: { ...running, ready: false } }), 'Running Initialized PodScheduled');
    assert.equal(summary({ ...all, app: ended(0), proxy: ended(137) }, true), 'Succeeded Initialized PodScheduled');
    assert.equal(summary({ ...all, app: ended(1) }, true), 'Failed Initialized PodScheduled');
  });

  test('a condition that has not turned keeps its time', () => {
    const before = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: 't1' }];
    const { conditions } = podStatus(pod, progress({}), before);
    assert.deepEqual(
      conditions?.map(({ lastTransitionTime }) => lastTransitionTime),
      ['t3', 't3', 't3', 't1'],
    );
  });

  test('the copy for an old API server has no restart policies and probes of init containers', () => {
    const native: Pod = {
      spec: {
        containers: [],
        initContainers: [{ name: 'proxy', restartPolicy: 'Always', startupProbe: {}, lifecycle: {} }],
      },
    };
    assert.deepEqual(mirrorOf(native, 'node-1').spec, {
      containers: [],
      initContainers: [{ name: 'proxy' }],
      nodeName: 'node-1',
    });
  });
});

test('pods have addresses of their own in both families', () => {
  assert.deepEqual(podNetwork(258), { ip: '10.244.1.2', ip6: 'fd00:244::1:2', link: 'pod258' });
});
