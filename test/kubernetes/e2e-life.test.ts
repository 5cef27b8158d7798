/**
 * Nothing is lost while things come and go: rollouts, scaling and restarts of the control plane under load; first and last calls of an
 * application; jobs; many pods at once. TULLE_KUBERNETES_FULL=1 runs it at full length, TULLE_ROLLOUTS=N so many rollouts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { type Cluster, withoutCluster } from '../support/kubernetes/cluster.ts';
import type { Pod } from '../support/kubernetes/kubelet/objects.ts';
import {
  aClient,
  logsOf,
  makeNamespace,
  meshctl,
  startMeshCluster,
  strict,
  untilReady,
} from '../support/kubernetes/mesh-cluster.ts';

const isFull = process.env['TULLE_KUBERNETES_FULL'] === '1';
const rollouts = Number(process.env['TULLE_ROLLOUTS'] ?? (isFull ? 50 : 3));
const lives = isFull ? 100 : 10;

type Line = Readonly<{
  sent: number;
  ok: number;
  failed: number;
  reasons: Readonly<Record<string, number>>;
  at: string;
}>;

const echo = (namespace: string) => `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: ${namespace}}
spec: {selector: {app: echo}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: ${namespace}}
spec:
  replicas: 3
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
        - name: echo
          image: test/echo:1
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}`;

const caller = (namespace: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: caller, namespace: ${namespace}}
spec:
  replicas: 1
  selector: {matchLabels: {app: caller}}
  template:
    metadata: {labels: {app: caller}}
    spec:
      containers:
        - name: caller
          image: test/caller:1
          env: [{name: URL, value: http://echo/}, {name: RATE, value: '200'}]`;

describe('life on Kubernetes', { skip: withoutCluster ?? false }, () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startMeshCluster(['--replicas', '2']);
    await makeNamespace(cluster, 'load');
    await cluster.apply([strict('load'), echo('load'), caller('load')].join('\n---'));
    await untilReady(cluster, 'load', 'app in (echo,caller)');
    await untilAnswered();
  });
  after(() => cluster?.close());

  /** What the caller has counted so far. */
  const counted = async (): Promise<Line> => {
    const [pod] = await cluster.pods('load', 'app=caller');
    const lines = (await cluster.logs(`load/${pod?.metadata?.name}`, 'caller'))
      .split('\n')
      .filter((line) => line.endsWith('}'));
    const line: unknown = JSON.parse(lines.at(-1) ?? '{"sent":0,"ok":0,"failed":0,"reasons":{},"at":""}');
    return line as Line;
  };

  /** The caller starts when nobody answers yet: what failed by then is no loss. */
  const untilAnswered = async () => {
    let last = await counted();
    await eventually(async () => {
      const line = await counted();
      if (line.at === last.at) return false;
      const isClean = line.ok > last.ok && line.failed === last.failed;
      last = line;
      return isClean;
    }, 60_000);
  };

  /** No call that was made meanwhile has failed, and calls were made. */
  const withoutLoss = async (what: string, change: () => Promise<void>) => {
    const before = await counted();
    await change();
    const at = new Date().toISOString();
    const later = await eventually(async () => {
      const line = await counted();
      return line.at > at ? line : false;
    }, 15_000);
    assert.ok(later.ok > before.ok + 100, `${what}: ${later.ok - before.ok} calls`);
    const [failed, sent] = [later.failed - before.failed, later.sent - before.sent];
    const reasons = JSON.stringify([before.reasons, later.reasons]);
    assert.equal(failed, 0, `${what}: ${failed} of ${sent} calls failed: ${reasons}`);
  };

  test(`${rollouts} rollouts under 200 calls a second lose none`, { timeout: rollouts * 60_000 }, async () => {
    for (let number = 1; number <= rollouts; number++) {
      await withoutLoss(`rollout ${number}`, async () => {
        await cluster.kubectl(['set', 'env', 'deployment/echo', '-n', 'load', `VERSION=v${number}`]);
        await cluster.rolledOut('deployment/echo', 'load');
      });
    }
  });

  test('neither does scaling down to one and back', async () => {
    await withoutLoss('scaling', async () => {
      for (const replicas of [1, 3]) {
        await cluster.kubectl(['scale', 'deployment/echo', '-n', 'load', `--replicas=${replicas}`]);
        await eventually(async () => (await cluster.pods('load', 'app=echo')).length === replicas, 60_000);
        await cluster.rolledOut('deployment/echo', 'load');
      }
    });
  });

  test('nor restarts of the control plane', async () => {
    await withoutLoss('restarts', async () => {
      await cluster.kubectl(['rollout', 'restart', 'deployment/tulle-control-plane', '-n', 'tulle-system']);
      await cluster.rolledOut('deployment/tulle-control-plane', 'tulle-system');
      await cluster.kubectl(['delete', 'pods', '-n', 'tulle-system', '--all', '--grace-period=0', '--force']);
      await cluster.rolledOut('deployment/tulle-control-plane', 'tulle-system');
    });
  });

  test(
    `the first call after start and the last before the end succeed, in each of ${lives} pods`,
    { timeout: 600_000 },
    async () => {
      const batch = 10;
      const outcomes: unknown[] = [];
      for (let done = 0; done < lives; done += batch) {
        await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: lives, namespace: load}
spec:
  replicas: ${batch}
  selector: {matchLabels: {app: lives}}
  template:
    metadata: {labels: {app: lives}}
    spec: {containers: [{name: lives, image: test/first-and-last, env: [{name: URL, value: http://echo/}]}]}`);
        await eventually(async () => (await cluster.pods('load', 'app=lives')).length === batch, 30_000);
        const pods = await untilReady(cluster, 'load', 'app=lives', 120_000);
        const logs = () => Promise.all(pods.map(({ metadata }) => cluster.logs(`load/${metadata?.name}`, 'lives')));
        // A container without a probe is ready as soon as it runs, and its first process does not hear SIGTERM before it has a handler.
        await eventually(async () => (await logs()).every((log) => log.includes('first')), 60_000);
        await cluster.kubectl(['delete', 'deployment', 'lives', '-n', 'load']);
        await eventually(async () => (await cluster.pods('load', 'app=lives')).length === 0, 60_000);
        for (const log of await logs()) outcomes.push(log.trim());
      }
      assert.deepEqual(
        outcomes,
        Array.from({ length: outcomes.length }, () => '{"first":200}\n{"last":200}'),
      );
      assert.equal(outcomes.length, lives);
    },
  );

  const job = (name: string, script: string) => `
apiVersion: batch/v1
kind: Job
metadata: {name: ${name}, namespace: load}
spec:
  template:
    metadata: {labels: {app: ${name}}}
    spec: {restartPolicy: Never, containers: [{name: job, image: tools, command: [sh, -c, '${script}']}]}`;

  test('a Job with a classic sidecar ends when it says so', async () => {
    await cluster.apply(
      job('classic', 'curl -sSf http://echo/ && curl -sSf -X POST http://127.0.0.1:15020/quitquitquit'),
    );
    await cluster
      .kubectl(['wait', '--for=condition=Complete', 'job/classic', '-n', 'load', '--timeout=60s'])
      .catch(async (error: unknown) => {
        throw new Error(await logsOf(cluster, 'load', 'app=classic', 'istio-proxy'), { cause: error });
      });
  });

  test('a Job with a native sidecar ends by itself', async () => {
    const file = `${cluster.folder}/job.yaml`;
    await cluster.write('job.yaml', job('native', 'curl -sSf http://echo/'));
    const injected: unknown = parse(await meshctl(cluster, ['inject', '-f', file, '--native', 'true', '-n', 'load']));
    const { template } = (injected as { spec: { template: Pod } }).spec;
    assert.equal(template.spec?.initContainers?.find(({ name }) => name === 'istio-proxy')?.restartPolicy, 'Always');
    await cluster.runStatic({ ...template, metadata: { ...template.metadata, name: 'native', namespace: 'load' } });
    await eventually(
      async () => {
        const phase = await cluster.kubectl(['get', 'pod', 'native', '-n', 'load', '-o', 'jsonpath={.status.phase}']);
        assert.equal(phase, 'Succeeded', await logsOf(cluster, 'load', 'app=native', 'istio-proxy'));
      },
      60_000,
      500,
    );
    assert.match(await cluster.logs('load/native', 'job'), /"pod":"echo-/);
  });

  test('thirty pods started at once are all ready', { timeout: 300_000 }, async (context) => {
    const names = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    await cluster.apply(names.map((name) => aClient(name, 'load').replace(`app: ${name}`, 'app: many')).join('\n---'));
    await eventually(async () => (await cluster.pods('load', 'app=many')).length === 30, 60_000);
    await untilReady(cluster, 'load', 'app=many', 120_000);
    const times = await Promise.all(
      names.map(async (name) => readyAfterMs(await cluster.logs(`load/${name}`, 'istio-proxy'))),
    );
    times.sort((a, b) => a - b);
    const figures = `from its process to certificate and configuration: median ${times[15]} ms, slowest ${times[29]} ms`;
    context.diagnostic(figures);
    assert.ok(times.every(Number.isFinite), figures);
    // Thirty sidecars start side by side: on a machine that has other things to do it says nothing.
    if (isFull) assert.ok((times[29] ?? Infinity) < 3000, figures);
    await cluster.kubectl(['delete', 'pods', '-n', 'load', '-l', 'app=many', '--wait=false']);
  });
});

/** What a sidecar's log says about how long it took to be ready; NaN if nothing. */
function readyAfterMs(log: string): number {
  return Number(/"afterMs":(\d+),"msg":"ready"/.exec(log)?.[1] ?? NaN);
}
