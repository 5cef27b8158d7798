import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { fail, ok, problem } from '#shared/runtime/result.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { AdminBackend } from './api.ts';
import { startAdminServer } from './server.ts';

const entry = {
  key: 'Service/shop/orders',
  resource: {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'orders', namespace: 'shop', labels: {}, annotations: {} },
    spec: { ports: [{ port: 80, protocol: 'TCP' }] },
  },
  origin: { source: 'file', file: 'a.yaml', line: 3 },
  generation: 7,
  problems: [],
  warnings: [],
} as const;
const syntax = { path: '', message: 'is not YAML', severity: 'error', line: 4 } as const;
const catalog: Catalog = {
  generation: 9,
  entries: new Map([
    [entry.key, entry],
    ['VirtualService/shop/orders', { ...entry, key: 'VirtualService/shop/orders', resource: null, problems: [syntax] }],
    ['Service/other/pay', { ...entry, key: 'Service/other/pay' }],
  ]),
  fileProblems: new Map([['b.yaml', [syntax]]]),
};
const state = { isReady: true };
const changes: string[] = [];
const backend: AdminBackend = {
  version: '1.2.3',
  isReady: () => state.isReady,
  awaited: () => ['xds'],
  catalog: () => catalog,
  distribution: () => ({ generation: 7, applied: 1, total: 2, refused: [] }),
  proxies: () => [],
  proxyConfig: (id) => (id === 'sidecar~10.0.0.1~a.shop~shop.svc' ? { clusters: [] } : null),
  cluster: () => null,
  certificates: () => ({ root: {}, issued: [], total: 0 }),
  metrics: async () => '# HELP x\nx 1\n',
  apply: async (text, { dryRun }) => {
    changes.push(`apply ${dryRun} ${text}`);
    return text === 'bad' ? fail([problem('spec.hosts', 'is needed')]) : ok([]);
  },
  remove: async (key) => {
    changes.push(`remove ${key}`);
    return ok(key);
  },
  token: async ({ namespace, serviceAccount, ttlMs }) => {
    if (ttlMs < 0) return fail([problem('ttl', 'must not be negative')]);
    return ok({ token: 't', expiresAt: '', spiffeId: `${namespace}/${serviceAccount}` });
  },
};

const dataDir = await mkdtemp(join(tmpdir(), 'tulle-admin-'));
const server = await startAdminServer(backend, { host: '127.0.0.1', port: 0, dataDir });
after(async () => {
  await server.close();
  await rm(dataDir, { recursive: true });
});
const key = await readFile(join(dataDir, 'admin.key'), 'utf8');

type Ask = { method?: string; body?: string; headers?: Record<string, string>; over?: 'tcp' | 'socket' };
type Answer = { status: number; headers: IncomingHttpHeaders; text: string; body: Record<string, unknown> };

/** By the plain client, which sends the `Host` that it is told. */
function ask(path: string, { method = 'GET', body = '', headers = {}, over = 'tcp' }: Ask = {}): Promise<Answer> {
  const where = over === 'tcp' ? { host: '127.0.0.1', port: server.port } : { socketPath: server.socketPath };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...where, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const isJson = response.headers['content-type'] === 'application/json' && text !== '';
        const parsed = (isJson ? JSON.parse(text) : {}) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('reading', () => {
  test('resources, all or of a kind and namespace, with their origin, state and distribution', async () => {
    const all = await ask('/api/v1/resources');
    const items = all.body['items'] as { key: string }[];
    assert.deepEqual([all.body['generation'], items.length], [9, 3]);
    assert.deepEqual(all.body['files'], [{ file: 'b.yaml', problems: [syntax] }]);
    const some = await ask('/api/v1/resources?kind=service&namespace=shop');
    assert.deepEqual(some.body['items'], [
      {
        key: entry.key,
        kind: 'Service',
        namespace: 'shop',
        name: 'orders',
        apiVersion: 'v1',
        generation: 7,
        inForce: true,
        source: 'file',
        file: 'a.yaml',
        line: 3,
        problems: [],
        warnings: [],
        distribution: { generation: 7, applied: 1, total: 2, refused: [] },
      },
    ]);
  });

  test('one resource; one that never was good; one that is not there', async () => {
    const one = await ask('/api/v1/resources/Service/shop/orders');
    assert.deepEqual((one.body['resource'] as { kind: string }).kind, 'Service');
    const bad = await ask('/api/v1/resources/VirtualService/shop/orders');
    assert.deepEqual([bad.body['inForce'], bad.body['problems'], bad.body['resource']], [false, [syntax], null]);
    assert.equal((await ask('/api/v1/resources/Service/shop/nobody')).status, 404);
  });

  test('readiness, version, metrics', async () => {
    assert.equal((await ask('/ready')).status, 200);
    state.isReady = false;
    const notYet = await ask('/ready');
    state.isReady = true;
    assert.deepEqual([notYet.status, notYet.body], [503, { ready: false, awaited: ['xds'] }]);
    assert.equal((await ask('/live')).status, 200);
    assert.equal((await ask('/version')).body['version'], '1.2.3');
    const metrics = await ask('/metrics');
    assert.deepEqual([metrics.headers['content-type'], metrics.text], ['text/plain; version=0.0.4', '# HELP x\nx 1\n']);
  });

  test('the configuration of a proxy, by its encoded id', async () => {
    const id = encodeURIComponent('sidecar~10.0.0.1~a.shop~shop.svc');
    assert.deepEqual((await ask(`/api/v1/proxies/${id}/config`)).body, { clusters: [] });
    assert.equal((await ask('/api/v1/proxies/nobody/config')).status, 404);
    assert.equal((await ask('/api/v1/proxies/%E0%A4%A/config')).status, 400);
  });
});

describe('changes', () => {
  test('are refused over TCP without the key, told how it goes', async () => {
    changes.length = 0;
    for (const [path, method] of [
      ['/api/v1/resources', 'PUT'],
      ['/api/v1/resources/Service/shop/orders', 'DELETE'],
      ['/api/v1/tokens', 'POST'],
    ] as const) {
      for (const authorization of ['', 'Bearer ', `Bearer ${key}x`, `Bearer ${key.slice(1)}`, key, `Basic ${key}`]) {
        const answer = await ask(path, { method, headers: { authorization } });
        assert.equal(answer.status, 403, authorization);
        assert.match(String(answer.body['title']), /admin\.sock.*admin\.key/);
      }
    }
    assert.deepEqual(changes, []);
  });

  test('go with the key, and by the socket', async () => {
    changes.length = 0;
    const headers = { authorization: `Bearer ${key}` };
    assert.equal((await ask('/api/v1/resources?dryRun=true', { method: 'PUT', body: 'a', headers })).status, 200);
    assert.equal((await ask('/api/v1/resources', { method: 'PUT', body: 'b', over: 'socket' })).status, 200);
    const removed = await ask('/api/v1/resources/Service/shop/orders', { method: 'DELETE', over: 'socket' });
    assert.deepEqual(removed.body, { key: 'Service/shop/orders' });
    assert.deepEqual(changes, ['apply true a', 'apply false b', 'remove Service/shop/orders']);
  });

  test('that are wrong are told with their problems', async () => {
    const answer = await ask('/api/v1/resources', { method: 'PUT', body: 'bad', over: 'socket' });
    assert.equal(answer.status, 400);
    assert.deepEqual(answer.body['problems'], [{ path: 'spec.hosts', message: 'is needed', severity: 'error' }]);
  });

  test('tokens: what is asked for must be said, as JSON', async () => {
    const token = (body: string) => ask('/api/v1/tokens', { method: 'POST', body, over: 'socket' });
    const good = await token('{"namespace":"shop","serviceAccount":"orders"}');
    assert.deepEqual([good.status, good.body['spiffeId']], [200, 'shop/orders']);
    for (const body of [
      '',
      '{}',
      '[]',
      'null',
      '7',
      '"x"',
      '{"namespace":1,"serviceAccount":2}',
      '{"namespace":',
      'x',
    ]) {
      assert.equal((await token(body)).status, 400, body);
    }
    const negative = await token('{"namespace":"shop","serviceAccount":"orders","ttlMs":-1}');
    assert.deepEqual([negative.status, negative.body['title']], [400, 'no token']);
  });

  test('the key and the socket are their owner’s alone', async () => {
    for (const file of ['admin.key', 'admin.sock']) {
      assert.equal((await stat(join(dataDir, file))).mode & 0o777, 0o600, file);
    }
  });
});

describe('what is not there', () => {
  test('404 for paths, 405 with what is possible for methods, HEAD as GET', async () => {
    assert.equal((await ask('/api/v2')).status, 404);
    assert.equal((await ask('/api/v1/resources/Service/shop')).status, 404);
    const wrong = await ask('/api/v1/resources/Service/shop/orders', { method: 'POST' });
    assert.deepEqual([wrong.status, wrong.body['title']], [405, 'POST is not possible here, only GET, DELETE']);
    const head = await ask('/version', { method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [200, '']);
  });

  test('a body over the limit is answered 413', async () => {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await ask('/api/v1/resources', { method: 'PUT', body: 'x'.repeat(5_000_000), headers });
    assert.equal(answer.status, 413);
    assert.match(String(answer.body['title']), /over 4194304 bytes/);
  });
});

describe('a name that was bound anew to loopback', () => {
  test('reaches nothing', async () => {
    for (const host of [
      'evil.example',
      `evil.example:${server.port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      assert.equal((await ask('/api/v1/resources', { headers: { host } })).status, 421, host);
    }
  });

  test('names and addresses of this host do', async () => {
    for (const host of ['localhost', 'LOCALHOST:8080', 'mesh.localhost', '127.0.0.1:8080', '[::1]:8080']) {
      assert.equal((await ask('/live', { headers: { host } })).status, 200, host);
    }
  });
});

test('a server that comes after one that died takes its socket over, with a key of its own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-admin-'));
  await writeFile(join(folder, 'admin.sock'), 'left over');
  await writeFile(join(folder, 'admin.key'), 'old', { mode: 0o644 });
  const second = await startAdminServer(backend, { host: '127.0.0.1', port: 0, dataDir: folder });
  assert.notEqual(await readFile(join(folder, 'admin.key'), 'utf8'), 'old');
  assert.equal((await stat(join(folder, 'admin.key'))).mode & 0o777, 0o600);
  await second.close();
  await rm(folder, { recursive: true });
});

test('a port that is taken is an error that names it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-admin-'));
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await assert.rejects(startAdminServer(backend, { host: '127.0.0.1', port, dataDir: folder }), (error) => {
    assert.ok(isMeshError(error, 'io'));
    assert.equal(error.message, `the admin API cannot listen on 127.0.0.1:${port}`);
    return true;
  });
  taken.close();
  await rm(folder, { recursive: true });
});
