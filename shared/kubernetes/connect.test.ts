import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectKubernetes } from './connect.ts';

const podAccount = '/var/run/secrets/kubernetes.io/serviceaccount';
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-kubeconfig-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const kubeconfig = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    { name: 'east', cluster: { server: 'https://127.0.0.1:6443' } },
    { name: 'west', cluster: { server: 'https://127.0.0.1:6444' } },
  ],
  users: [{ name: 'admin', user: { token: 'secret' } }],
  contexts: [
    { name: 'east', context: { cluster: 'east', user: 'admin' } },
    { name: 'west', context: { cluster: 'west', user: 'admin' } },
    { name: 'lost', context: { cluster: 'nowhere', user: 'admin' } },
  ],
  'current-context': 'east',
};
const fileOf = async (name: string, content: unknown) => {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const server = (access: Parameters<typeof connectKubernetes>[0]) =>
  connectKubernetes(access).getCurrentCluster()?.server;

test('the current context of a kubeconfig, or the one that is named', async () => {
  const file = await fileOf('good', kubeconfig);
  assert.equal(server({ kubeconfig: file }), 'https://127.0.0.1:6443');
  assert.equal(server({ kubeconfig: file, context: 'west' }), 'https://127.0.0.1:6444');
});

test('what cannot be used is refused by name', async () => {
  const file = await fileOf('good', kubeconfig);
  const isRefused = (access: Parameters<typeof connectKubernetes>[0], code: string, message: RegExp) =>
    assert.throws(() => connectKubernetes(access), { code, message });
  isRefused({ kubeconfig: join(folder, 'nowhere') }, 'io', /nowhere/);
  isRefused({ kubeconfig: await fileOf('broken', '[1') }, 'io', /broken/);
  isRefused({ kubeconfig: file, context: 'north' }, 'not_found', /no context north, it has east, west, lost/);
  isRefused({ kubeconfig: file, context: 'lost' }, 'not_found', /context lost of .* names no cluster/);
  isRefused({ kubeconfig: await fileOf('empty', {}) }, 'not_found', /no current context/);
});

test('outside of a pod there is no account of one', { skip: existsSync(podAccount) }, () => {
  assert.throws(() => connectKubernetes('in-cluster'), { code: 'not_found', message: /not in a pod/ });
});
