/** The node that runs the pods of the tests is itself tested, with pods that know nothing of a mesh. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { Cluster, withoutCluster } from '../support/kubernetes/cluster.ts';
import type { Pod } from '../support/kubernetes/kubelet/objects.ts';

const echo = `
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 3
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
        - name: echo
          image: registry.example/test/echo:1
          ports: [{name: http, containerPort: 8080}]
          env: [{name: VERSION, value: first}]
          readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
          lifecycle: {preStop: {exec: {command: [sleep, '1']}}}`;

const client = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {fsGroup: 2000}
  initContainers:
    - {name: prepare, image: tools, command: [sh, -c, 'echo prepared > /shared/mark'], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
    - name: client
      image: tools
      command: [sleep, infinity]
      securityContext: {runAsUser: 1337, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      env:
        - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
        - {name: MY_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: CORES, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
        - {name: WHO, value: 'I am $(MY_IP)'}
      volumeMounts:
        - {name: shared, mountPath: /shared}
        - {name: settings, mountPath: /etc/settings}
        - {name: tokens, mountPath: /var/run/secrets/tokens}
  volumes:
    - {name: shared, emptyDir: {}}
    - {name: settings, configMap: {name: settings}}
    - name: tokens
      projected:
        sources:
          - {serviceAccountToken: {audience: istio-ca, expirationSeconds: 3600, path: istio-token}}
          - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}`;

describe('a node without containers', { skip: withoutCluster ?? false }, () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await Cluster.start();
    await cluster.apply(echo);
    await cluster.apply(client);
    await cluster.rolledOut('deployment/echo');
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/client', '--timeout=60s']);
  });
  after(() => cluster?.close());

  const inClient = async (script: string) => {
    const { code, output } = await cluster.exec('default/client', 'client', ['sh', '-c', script]);
    assert.equal(code, 0, output);
    return output.trim();
  };
  const podOf = async (name: string) => {
    const pod: unknown = JSON.parse(await cluster.kubectl(['get', 'pod', name, '-o', 'json']));
    return pod as Pod;
  };

  test('a Service is called by its name, and all of its pods answer', async () => {
    const pods = new Set<string>();
    await eventually(async () => {
      const answer: unknown = JSON.parse(await inClient('curl -sSf --max-time 5 http://echo.default/'));
      pods.add((answer as { pod: string }).pod);
      return pods.size === 3;
    });
  });

  test('a pod is called by its IPv6 address', async () => {
    const [{ ip } = { ip: '' }] = (await cluster.pods('default', 'app=echo')).map(({ status }) => ({
      ip: status?.podIP ?? '',
    }));
    const [, , high, low] = ip.split('.').map(Number);
    const answer = await inClient(`curl -sSf 'http://[fd00:244::${high?.toString(16)}:${low?.toString(16)}]:8080/'`);
    assert.match(answer, /"pod":"echo-/);
  });

  test('names that are not there are not found, ports that nobody serves are refused', async () => {
    assert.equal(await inClient('getent hosts nobody.default.svc.cluster.local || echo none'), 'none');
    await cluster.apply(`
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: none}, ports: [{port: 80}]}`);
    await eventually(async () => {
      assert.match(await inClient('curl -sS --max-time 5 http://empty/ 2>&1 || true'), /refused|Failed to connect/);
    });
  });

  test('variables, volumes and tokens are those of the pod', async () => {
    const { status } = await podOf('client');
    const expected = `green|I am ${status?.podIP}|2|prepared|green|app="client"|uid=1337`;
    const printed = await inClient(
      'echo "$COLOUR|$WHO|$CORES|$(cat /shared/mark)|$(cat /etc/settings/colour)|$(cat /var/run/secrets/tokens/labels)|$(id | cut -c1-8)"',
    );
    assert.equal(printed, expected);
    const [, claims = ''] = (await inClient('cat /var/run/secrets/tokens/istio-token')).split('.');
    const token: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.deepEqual((token as { aud: string[] }).aud, ['istio-ca']);
    assert.equal(await inClient('touch /elsewhere 2>/dev/null || echo read-only'), 'read-only');
  });

  test('a changed ConfigMap is a changed file', async () => {
    await cluster.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}`);
    await eventually(async () => (await inClient('cat /etc/settings/colour')) === 'blue');
  });

  test('rollouts replace all pods, scaling makes fewer of them', async () => {
    await cluster.kubectl(['set', 'env', 'deployment/echo', 'VERSION=second']);
    await cluster.rolledOut('deployment/echo');
    // A rollout is over when the new pods are ready; the endpoints, and those that follow them, learn of the old ones' leaving after it.
    await eventually(async () => {
      const pods = await cluster.pods('default', 'app=echo');
      const endpoints = await cluster.kubectl([
        'get',
        'endpoints',
        'echo',
        '-o',
        'jsonpath={.subsets[*].addresses[*].targetRef.name}',
      ]);
      return pods.length === 3 && pods.every(({ metadata }) => endpoints.includes(metadata?.name ?? '?'));
    }, 20_000);
    await eventually(async () => {
      const answers = await inClient('for i in 1 2 3 4 5 6; do curl -sSf http://echo/; done');
      return answers.split('"version":"second"').length === 7;
    });
    await cluster.kubectl(['scale', 'deployment/echo', '--replicas=1']);
    await eventually(async () => (await cluster.pods('default', 'app=echo')).length === 1, 20_000);
  });

  test('a Job comes to its end; a failing one is tried again', async () => {
    const job = (name: string, script: string) => `
apiVersion: batch/v1
kind: Job
metadata: {name: ${name}}
spec: {template: {spec: {restartPolicy: OnFailure, volumes: [{name: v, emptyDir: {}}], containers: [
  {name: job, image: tools, command: [sh, -c, '${script}'], volumeMounts: [{name: v, mountPath: /v}]}]}}}`;
    await cluster.apply(job('plain', 'echo done'));
    await cluster.apply(job('again', 'if [ -e /v/tried ]; then exit 0; fi; touch /v/tried; exit 1'));
    for (const name of ['plain', 'again']) {
      await cluster.kubectl(['wait', '--for=condition=Complete', `job/${name}`, '--timeout=30s']);
    }
    const [pod] = await cluster.pods('default', 'job-name=again');
    assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(pod?.status?.phase, 'Succeeded');
  });

  test('a container whose liveness probe fails is restarted; one that is not ready gets no calls', async () => {
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: ill, labels: {app: ill}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: ill
      image: tools
      command: [sh, -c, 'sleep 600']
      readinessProbe: {exec: {command: ['false']}, periodSeconds: 1}
      livenessProbe: {tcpSocket: {port: 9}, periodSeconds: 1, failureThreshold: 2}
---
{apiVersion: v1, kind: Service, metadata: {name: ill}, spec: {selector: {app: ill}, ports: [{port: 80}]}}`);
    await eventually(async () => ((await podOf('ill')).status?.containerStatuses?.[0]?.restartCount ?? 0) > 0, 20_000);
    const endpoints = await cluster.kubectl([
      'get',
      'endpoints',
      'ill',
      '-o',
      'jsonpath={.subsets[*].notReadyAddresses[*].ip}',
    ]);
    assert.equal(endpoints, (await podOf('ill')).status?.podIP);
  });

  test('who does not listen to SIGTERM is killed when its time is over', async () => {
    const before = Date.now();
    await cluster.kubectl(['delete', 'pod', 'client', '--grace-period=2']);
    const took = Date.now() - before;
    assert.ok(took >= 1500 && took < 10_000, `${took} ms`);
  });

  test('native sidecars start first, stay, and end last', async () => {
    const step = (name: string) => `echo ${name} >> /v/steps`;
    const longLived = (name: string) => [
      'bash',
      '-c',
      `trap "${step(`${name} ends`)}; exit 0" TERM; ${step(`${name} starts`)}; while :; do sleep 0.05; done`,
    ];
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    await cluster.runStatic({
      metadata: { name: 'native', namespace: 'default' },
      spec: {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'steps' } }],
        initContainers: [
          {
            name: 'one',
            image: 'tools',
            restartPolicy: 'Always',
            command: longLived('one'),
            startupProbe: { exec: { command: ['grep', '-q', 'one starts', '/v/steps'] }, periodSeconds: 1 },
            volumeMounts,
          },
          { name: 'init', image: 'tools', command: ['sh', '-c', step('init')], volumeMounts },
          { name: 'two', image: 'tools', restartPolicy: 'Always', command: longLived('two'), volumeMounts },
        ],
        containers: [
          {
            name: 'app',
            image: 'tools',
            command: ['sh', '-c', `until grep -q two /v/steps; do sleep 0.05; done; ${step('app')}`],
            volumeMounts,
          },
        ],
      },
    });
    await eventually(async () => (await podOf('native')).status?.phase === 'Succeeded', 20_000);
    await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  volumes: [{name: v, persistentVolumeClaim: {claimName: steps}}]
  containers: [{name: reader, image: tools, command: [sleep, infinity], volumeMounts: [{name: v, mountPath: /v}]}]`);
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/reader', '--timeout=20s']);
    const { output } = await cluster.exec('default/reader', 'reader', ['cat', '/v/steps']);
    assert.deepEqual(output.trim().split('\n'), ['one starts', 'init', 'two starts', 'app', 'two ends', 'one ends']);
  });
});
