import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { candidatesOf, Discovery, readGroups, readPlural } from './discovery.ts';
import { pathOf, watchedKinds, type WatchedKind } from './kinds.ts';
import type { KubernetesRequests } from './requests.ts';

const kindOf = (name: string): WatchedKind => {
  const found = watchedKinds.find(({ kind }) => kind === name);
  assert.ok(found !== undefined);
  return found;
};
const version = (groupVersion: string) => ({ groupVersion });

test('of the versions that are served the preferred one is asked for first, and only those that we read', () => {
  const group = 'networking.istio.io';
  const groups = readGroups({
    groups: [
      {
        name: group,
        versions: ['v1', 'v1beta1', 'v2'].map((v) => version(`${group}/${v}`)),
        preferredVersion: version(`${group}/v1beta1`),
      },
    ],
  });
  assert.deepEqual(candidatesOf(kindOf('Sidecar'), groups), [`${group}/v1beta1`, `${group}/v1`]);
  assert.deepEqual(candidatesOf(kindOf('EndpointSlice'), groups), []);
  assert.deepEqual(candidatesOf(kindOf('Pod'), groups), ['v1']);
  assert.deepEqual(readGroups({ groups: null }), new Map());
});

test('a kind has the name of its resource, not of a part of it', () => {
  const resources = [
    { name: 'sidecars/status', kind: 'Sidecar' },
    { name: 'sidecars', kind: 'Sidecar' },
  ];
  assert.equal(readPlural({ resources }, 'Sidecar'), 'sidecars');
  assert.equal(readPlural({ resources: [] }, 'Sidecar'), null);
  assert.equal(readPlural(null, 'Sidecar'), null);
});

test('paths of the core group and of others, of all namespaces and of one', () => {
  assert.equal(pathOf({ apiVersion: 'v1', plural: 'pods' }, null), '/api/v1/pods');
  assert.equal(pathOf({ apiVersion: 'a.b/v1', plural: 'xs' }, 'shop'), '/apis/a.b/v1/namespaces/shop/xs');
});

test('what many kinds ask for is asked for once; a failure is not kept', async () => {
  const clock = new FakeClock();
  let asked = 0;
  let status = 200;
  const requests: KubernetesRequests = {
    get: (path) => {
      asked++;
      const body = path === '/apis' ? { groups: [] } : {};
      return status === 200
        ? Promise.resolve({ status, body: JSON.stringify(body) })
        : Promise.reject(new Error('away'));
    },
    watch: () => () => undefined,
  };
  const discovery = new Discovery(requests, clock);
  const [sidecar, service] = [kindOf('Sidecar'), kindOf('ServiceEntry')];
  assert.deepEqual(await Promise.all([discovery.locate(sidecar), discovery.locate(service)]), [null, null]);
  assert.equal(asked, 1);
  clock.advance(10_000);
  status = 0;
  await assert.rejects(discovery.locate(sidecar), /away/);
  status = 200;
  assert.equal(await discovery.locate(sidecar), null);
  assert.equal(asked, 3);
});
