import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '#shared/kubernetes/testing/fake-cluster.ts';
import { FakeClock } from '#shared/runtime/clock.ts';
import { issueIntermediate, newSerial } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import { aKeyPair, aRoot } from '../../test/support/certificates.ts';
import { eventually } from '../../test/support/eventually.ts';
import { Authority } from './authority.ts';
import { openSharedKeys } from './shared-keys.ts';

const path = '/api/v1/namespaces/tulle-system/secrets/tulle-ca';

async function open(api: FakeCluster) {
  const failures: string[] = [];
  const clock = new FakeClock(Date.now());
  const shared = await openSharedKeys({
    api,
    namespace: 'tulle-system',
    trustDomain: 'cluster.local',
    clock,
    random: () => 0,
    onFailure: (message) => failures.push(message),
  });
  const authority = new Authority({ keys: shared.keys, trustDomain: 'cluster.local', clock });
  return { shared, failures, roots: () => authority.rootsPem };
}

function aSecret(members: Readonly<Record<string, string>>) {
  const data = Object.entries(members).map(([name, pem]) => [name, Buffer.from(pem).toString('base64')]);
  return { metadata: { name: 'tulle-ca' }, data: Object.fromEntries(data) as object };
}

test('the first makes a root, the others use it, also when all start at once', async () => {
  const api = new FakeCluster();
  const [a, b, c] = await Promise.all([open(api), open(api), open(api)]);
  const roots = new Set([a, b, c].map(({ roots }) => roots()));
  assert.equal(roots.size, 1);
  assert.deepEqual(a.shared.joinTokenKey(), b.shared.joinTokenKey());
  assert.deepEqual(api.calls, [`create ${path}`]);
  for (const { shared } of [a, b, c]) shared.close();
});

test('a Secret of the operator is taken, and a new one as it comes', async () => {
  const api = new FakeCluster();
  const [old, next] = [aRoot(), aRoot()];
  api.put(path, aSecret({ 'ca-cert.pem': old.pem, 'ca-key.pem': old.keyPem, 'root-cert.pem': old.pem }));
  const { shared, failures, roots } = await open(api);
  assert.equal(roots(), old.pem);
  const before = shared.joinTokenKey();
  // Both are trusted while the new one takes over.
  const both = old.pem + next.pem;
  await eventually(() => {
    api.put(path, aSecret({ 'ca-cert.pem': next.pem, 'ca-key.pem': next.keyPem, 'root-cert.pem': both }));
    return roots() !== old.pem;
  });
  assert.equal(roots(), next.pem + old.pem);
  assert.notDeepEqual(shared.joinTokenKey(), before);
  assert.deepEqual(failures, []);
  shared.close();
});

test("an intermediate in the layout of Istio's cacerts signs, and the root alone is trusted", async () => {
  const api = new FakeCluster();
  const root = aRoot();
  const pair = aKeyPair();
  const pem = encodePem(
    'CERTIFICATE',
    issueIntermediate(root, {
      spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
      serial: newSerial(),
      notBefore: Date.now() - 60_000,
      notAfter: Date.now() + 3_600_000,
      organization: 'cluster.local',
      commonName: 'intermediate',
    }),
  );
  const keyPem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
  const chain = pem + root.pem;
  api.put(
    path,
    aSecret({ 'ca-cert.pem': pem, 'ca-key.pem': keyPem, 'cert-chain.pem': chain, 'root-cert.pem': root.pem }),
  );
  const { shared, roots } = await open(api);
  assert.equal(roots(), root.pem);
  assert.equal(shared.keys.current().intermediates.length, 1);
  shared.close();
});

test('a change that makes no sense is told and not taken', async () => {
  const api = new FakeCluster();
  const [root, other] = [aRoot(), aRoot()];
  api.put(path, aSecret({ 'ca-cert.pem': root.pem, 'ca-key.pem': root.keyPem, 'root-cert.pem': root.pem }));
  const { shared, failures, roots } = await open(api);
  await eventually(() => {
    api.put(path, aSecret({ 'ca-cert.pem': root.pem, 'ca-key.pem': other.keyPem, 'root-cert.pem': root.pem }));
    return failures.length > 0;
  });
  assert.match(
    failures[0] ?? '',
    /tulle-system\/tulle-ca is refused, the former keys stay: key: not the key of the cert/,
  );
  await api.remove(path);
  assert.match(failures.at(-1) ?? '', /is gone/);
  assert.equal(roots(), root.pem);
  shared.close();
});

test('a Secret that is wrong from the start is refused by what is missing', async () => {
  const api = new FakeCluster();
  api.put(path, aSecret({ 'ca-cert.pem': encodePem('CERTIFICATE', Buffer.from('x')) }));
  await assert.rejects(open(api), {
    code: 'certificate',
    message: 'Secret tulle-system/tulle-ca: ca-key.pem: is missing; root-cert.pem: is missing',
  });
});
