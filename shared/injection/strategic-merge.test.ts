import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeContainer, mergePod } from './strategic-merge.ts';

const merge = (base: Record<string, unknown>, overlay: Record<string, unknown>) =>
  mergeContainer({ name: 'x', ...base }, overlay);

test('elements merge by what Kubernetes knows them by, keep their place, and new ones come last', () => {
  assert.deepEqual(
    mergePod(
      { spec: { containers: [{ name: 'a', image: 'a1' }, { name: 'b' }] } },
      { spec: { containers: [{ name: 'c' }, { name: 'a', image: 'a2' }] } },
    ),
    { spec: { containers: [{ name: 'a', image: 'a2' }, { name: 'b' }, { name: 'c' }] } },
  );
});

test('variables merge by name, mounts by path, ports by number and protocol', () => {
  assert.deepEqual(
    merge(
      {
        env: [{ name: 'A', value: '1' }],
        volumeMounts: [{ name: 'v', mountPath: '/a' }],
        ports: [{ containerPort: 53, protocol: 'UDP' }],
      },
      {
        env: [{ name: 'A', value: '2' }],
        volumeMounts: [{ name: 'w', mountPath: '/a' }],
        ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP', name: 'dns' }],
      },
    ),
    {
      name: 'x',
      env: [{ name: 'A', value: '2' }],
      volumeMounts: [{ name: 'w', mountPath: '/a' }],
      ports: [{ containerPort: 53, protocol: 'UDP', name: 'dns' }, { containerPort: 53 }],
    },
  );
});

test('other lists are replaced: commands, arguments, capabilities', () => {
  assert.deepEqual(merge({ args: ['a', 'b'] }, { args: ['c'] }), { name: 'x', args: ['c'] });
});

test('null deletes, in objects that are there and in new ones', () => {
  assert.deepEqual(
    merge(
      { resources: { limits: { cpu: '1', memory: '1Gi' } } },
      { resources: { limits: { cpu: null }, requests: { cpu: null } } },
    ),
    {
      name: 'x',
      resources: { limits: { memory: '1Gi' }, requests: {} },
    },
  );
});

test('$patch replaces or deletes objects and elements', () => {
  assert.deepEqual(
    mergePod(
      { metadata: { labels: { key: 'value' } }, spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
      {
        metadata: { labels: { $patch: 'replace', foo: 'bar' } },
        spec: { containers: [{ name: 'a', $patch: 'delete' }] },
      },
    ),
    { metadata: { labels: { foo: 'bar' } }, spec: { containers: [{ name: 'b' }] } },
  );
  assert.deepEqual(
    mergePod({ spec: { volumes: [{ name: 'a' }] } }, { spec: { volumes: [{ $patch: 'replace', name: 'b' }] } }).spec
      .volumes,
    [{ name: 'a' }, { name: 'b' }],
  );
});

test('a hook of another kind replaces the hook, a volume of another kind the volume', () => {
  const command = { command: ['a'] };
  assert.deepEqual(
    merge({ lifecycle: { preStop: { exec: command } } }, { lifecycle: { preStop: { httpGet: { port: 1 } } } }),
    {
      name: 'x',
      lifecycle: { preStop: { httpGet: { port: 1 } } },
    },
  );
  assert.deepEqual(
    merge(
      { readinessProbe: { httpGet: { port: 1 }, periodSeconds: 2 } },
      { readinessProbe: { tcpSocket: { port: 3 } } },
    ),
    { name: 'x', readinessProbe: { tcpSocket: { port: 3 }, periodSeconds: 2 } },
  );
  assert.deepEqual(
    mergePod(
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      { spec: { volumes: [{ name: 'v', csi: { driver: 'd' } }] } },
    ),
    { spec: { volumes: [{ name: 'v', csi: { driver: 'd' } }] } },
  );
});

test('neither side is changed', () => {
  const base = { spec: { containers: [{ name: 'a', env: [{ name: 'A', value: '1' }] }] } };
  const overlay = { spec: { containers: [{ name: 'a', env: [{ name: 'A', value: '2' }], args: ['x'] }] } };
  const merged = mergePod(base, overlay);
  merged.spec.containers[0]?.env.push({ name: 'B', value: '3' });
  assert.deepEqual(base, { spec: { containers: [{ name: 'a', env: [{ name: 'A', value: '1' }] }] } });
  assert.deepEqual(overlay.spec.containers[0]?.env, [{ name: 'A', value: '2' }]);
});
