import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpus, corpusFacts, corpusPods, testImage, type CorpusCase } from './corpus.fixture.ts';
import { inject, type Injection } from './inject.ts';
import { applyPatch } from './json-patch.ts';
import { allContainers, annotationsOf, findContainer, labelsOf, type Container, type Pod, type Probe } from './pod.ts';
import { readProbers } from './probes.ts';
import { restore } from './restore.ts';

/** What must hold of every input of Istio's injector, native and classic. What is particular to one of them is asserted further below. */

type Run = Readonly<{
  one: CorpusCase;
  before: Pod;
  after: Pod;
  result: Injection;
  isNative: boolean;
  again: Injection;
}>;

function runs(one: CorpusCase): Run[] {
  return [true, false].flatMap((isNative) =>
    corpusPods(one.file).map((template) => {
      const facts = corpusFacts(one, template, isNative);
      const result = value(inject(template.pod, facts, one.settings));
      const again = value(inject(result.pod, facts, one.settings));
      return { one, before: template.pod, after: result.pod, result, isNative, again };
    }),
  );
}

function value(result: ReturnType<typeof inject>): Injection {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function proxyOf(pod: Pod): Container {
  const proxy = findContainer(pod, 'istio-proxy');
  assert.ok(proxy !== undefined);
  return proxy;
}

const names = (list: readonly Readonly<{ name: string }>[] | undefined) => (list ?? []).map(({ name }) => name);
const isOurs = (name: string) => name === 'istio-proxy' || name === 'istio-init';
const probeNames = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const sidecars = corpus.filter(({ shape }) => shape === 'sidecar');
const withProxy = corpus.filter(({ shape }) => shape === 'sidecar' || shape === 'gateway');

test('the corpus is there', () => {
  assert.equal(corpus.length, 48);
  assert.equal(corpus.flatMap(({ file }) => corpusPods(file)).length, 50);
});

for (const one of corpus) {
  const isInjected = ['sidecar', 'gateway', 'proxyless'].includes(one.shape);
  test(`${one.file}: ${isInjected ? `is injected (${one.shape})` : `is not injected (${one.shape})`}`, () => {
    for (const { result, before } of runs(one)) {
      assert.equal(result.decision.inject, isInjected, result.decision.message);
      if (!isInjected) {
        assert.equal(result.decision.reason, one.shape);
        assert.deepEqual([result.pod, result.patch], [before, []]);
      } else assert.ok(result.patch.length > 0);
    }
  });

  test(`${one.file}: the patch makes the pod, and a second injection changes nothing`, () => {
    for (const { before, after, result, again } of runs(one)) {
      assert.deepEqual(applyPatch(before, result.patch), JSON.parse(JSON.stringify(after)));
      assert.deepEqual(again.pod, after);
      assert.deepEqual(again.patch, []);
    }
  });

  test(`${one.file}: the application's containers are as they were, but for their probes`, () => {
    if (one.shape === 'proxyless') return;
    for (const { before, after } of runs(one)) {
      const strip = ({ lifecycle: _l, livenessProbe: _a, readinessProbe: _b, startupProbe: _c, ...rest }: Container) =>
        rest;
      const own = (pod: Pod) => allContainers(pod).filter(({ name }) => !isOurs(name));
      assert.deepEqual(own(after).map(strip), own(before).map(strip));
    }
  });
}

for (const one of withProxy) {
  test(`${one.file}: names, mounts and variables are there once, and every mount has its volume`, () => {
    for (const { after } of runs(one)) {
      const isUnique = (list: readonly unknown[]) => new Set(list).size === list.length;
      const volumes = names(after.spec.volumes);
      assert.ok(isUnique(volumes) && isUnique(names(allContainers(after))));
      for (const container of allContainers(after)) {
        const mounts = (container['volumeMounts'] ?? []) as { name: string; mountPath: string }[];
        assert.ok(isUnique(mounts.map(({ mountPath }) => mountPath)) && isUnique(names(container.env)));
        for (const { name } of isOurs(container.name) ? mounts : []) assert.ok(volumes.includes(name), name);
      }
    }
  });

  test(`${one.file}: no port of the application is one of the sidecar's`, () => {
    for (const { after } of runs(one)) {
      const ports = allContainers(after)
        .filter(({ name }) => !isOurs(name))
        .flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));
      assert.deepEqual(
        ports.filter((port) => [15000, 15001, 15006, 15020, 15021, 15053, 15090].includes(Number(port))),
        [],
      );
      assert.ok(proxyOf(after).ports?.some(({ containerPort }) => containerPort === 15090));
    }
  });

  test(`${one.file}: probes go to the status port, and can be put back`, () => {
    for (const { before, after } of runs(one)) {
      const statusPort = statusPortOf(one, after);
      const probers = readProbers(proxyOf(after));
      for (const container of allContainers(after)) {
        if (isOurs(container.name)) continue;
        for (const name of probeNames) {
          const [probe, old] = [container[name], findContainer(before, container.name)?.[name]];
          if (probe === undefined || probe.exec !== undefined) assert.deepEqual(probe, old);
          else if (statusPort !== 0) assertRewritten(probe, old, { statusPort, probers });
          else assert.deepEqual(probe, old);
        }
      }
      assert.deepEqual(restore(after).spec, withNumbers(before).spec);
    }
  });
}

function assertRewritten(
  probe: Probe,
  old: Probe | undefined,
  { statusPort, probers }: { statusPort: number; probers: ReturnType<typeof readProbers> },
): void {
  const path = String(probe.httpGet?.['path']);
  assert.match(path, /^\/app-health\/[^/]+\/(readyz|livez|startupz)$/);
  assert.equal(probe.httpGet?.['port'], statusPort);
  assert.notEqual(probe.httpGet?.['scheme'], 'HTTPS');
  assert.equal(probe.tcpSocket ?? probe.grpc, undefined);
  const prober = probers[path];
  assert.equal(typeof (prober?.httpGet ?? prober?.tcpSocket ?? prober?.grpc)?.['port'], 'number');
  assert.equal(prober?.timeoutSeconds, old?.timeoutSeconds);
}

/** Named ports of probes as the numbers that they stand for: so they come back. */
function withNumbers(pod: Pod): Pod {
  const copy = structuredClone(pod);
  for (const container of allContainers(copy)) {
    for (const name of probeNames) {
      const action = container[name]?.httpGet ?? container[name]?.tcpSocket;
      const port = container.ports?.find((one) => one.name === action?.['port'])?.containerPort;
      if (action !== undefined && port !== undefined) action['port'] = port;
    }
  }
  return copy;
}

function statusPortOf({ settings }: CorpusCase, pod: Pod): number {
  return Number(annotationsOf(pod)['status.sidecar.istio.io/port'] ?? settings.proxy.statusPort);
}

for (const one of sidecars) {
  test(`${one.file}: the containers are in order`, () => {
    for (const { after, isNative } of runs(one)) {
      const { containers, initContainers } = after.spec;
      const isAlone = names(containers).every(isOurs);
      const wantsNative = annotationsOf(after)['sidecar.istio.io/nativeSidecar'];
      if (wantsNative === 'true' || (isNative && !isAlone)) {
        assert.deepEqual(names(initContainers).slice(0, 2), ['istio-init', 'istio-proxy']);
        assert.equal(proxyOf(after).restartPolicy, 'Always');
        assert.ok(!names(containers).includes('istio-proxy'));
      } else {
        const isHeld = !annotationsOf(after)['proxy.istio.io/config']?.includes(
          '"holdApplicationUntilProxyStarts": false',
        );
        assert.equal(names(containers).at(isHeld ? 0 : -1), 'istio-proxy', one.file);
        assert.equal(names(initContainers).at(-1), 'istio-init');
        assert.equal(proxyOf(after).restartPolicy, undefined);
      }
    }
  });

  test(`${one.file}: the sidecar may do little, the capture what it must`, () => {
    for (const { before, after } of runs(one)) {
      const own = findContainer(before, 'istio-proxy')?.securityContext ?? {};
      const isTproxy = annotationsOf(after)['sidecar.istio.io/interceptionMode'] === 'TPROXY';
      assert.deepEqual(proxyOf(after).securityContext, {
        allowPrivilegeEscalation: false,
        privileged: false,
        capabilities: { ...(isTproxy ? { add: ['NET_ADMIN'] } : {}), drop: ['ALL'] },
        readOnlyRootFilesystem: true,
        runAsGroup: 1337,
        runAsNonRoot: !isTproxy,
        runAsUser: isTproxy ? 0 : 1337,
        ...own,
      });
      assert.deepEqual(findContainer(after, 'istio-init')?.securityContext, {
        allowPrivilegeEscalation: false,
        privileged: false,
        capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
        readOnlyRootFilesystem: false,
        runAsGroup: 0,
        runAsNonRoot: false,
        runAsUser: 0,
      });
    }
  });

  test(`${one.file}: labels and annotations say what it is`, () => {
    for (const { before, after } of runs(one)) {
      const [labels, annotations] = [labelsOf(after), annotationsOf(after)];
      assert.equal(labels['security.istio.io/tlsMode'], 'istio');
      assert.ok((labels['service.istio.io/canonical-name'] ?? '').length > 0);
      assert.ok(Object.values(labels).every((label) => label.length <= 63));
      assert.equal(annotations['istio.io/rev'], 'default');
      const [app] = names(before.spec.containers).filter((name) => !isOurs(name));
      assert.equal(annotations['kubectl.kubernetes.io/default-container'], app);
      const status = JSON.parse(annotations['sidecar.istio.io/status'] ?? '') as Record<string, string[] | null>;
      assert.deepEqual([...(status['initContainers'] ?? []), ...(status['containers'] ?? [])].toSorted(), [
        'istio-init',
        'istio-proxy',
      ]);
      for (const volume of ['istio-data', 'istio-podinfo', 'istio-token', 'istiod-ca-cert'])
        assert.ok(status['volumes']?.includes(volume));
      const image = findContainer(before, 'istio-proxy')?.image;
      assert.equal(proxyOf(after).image, image === undefined || image === 'auto' ? testImage : image);
    }
  });
}
