import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { Server } from '@grpc/grpc-js';
import { FakeClock } from '#shared/runtime/clock.ts';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { createCsr } from '#shared/x509/csr.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { openCertificateSide } from '../../control-plane/ca/ca.ts';
import { openFolderKeys } from '../../control-plane/ca/folder-keys.ts';
import { IdentityAgent } from '../../sidecar/identity/agent.ts';
import { certificateClient, type CertificateClientOptions } from '../../sidecar/identity/certificate-client.ts';
import { folderCache } from '../../sidecar/identity/certificate-cache.ts';
import { aKeyPair, aRoot, aWorkloadLeaf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';

const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

/** A control plane's certificate side behind a real port, on a clock that starts at the real time, as TLS checks that. */
async function aControlPlane(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-ca-'));
  t.after(() => rm(folder, { recursive: true }));
  const clock = new FakeClock(Date.now());
  const side = openCertificateSide({
    ...(await openFolderKeys({ folder, given: null, trustDomain: 'cluster.local', clock })),
    trustDomain: 'cluster.local',
    audience: 'tulle-ca',
    advertised: { dnsNames: ['control-plane.test'], addresses: ['127.0.0.1'] },
    clock,
    onFailure: assert.fail,
  });
  t.after(() => side.close());
  const server = new Server();
  t.after(() => server.forceShutdown());
  server.addService(side.service.definition, side.service.implementation);
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', side.serverCredentials);
  const caFile = join(folder, 'root-cert.pem');
  await writeFile(caFile, side.authority.rootsPem);
  const token = (serviceAccount = 'cart') => {
    const made = side.joinTokens.mint({ namespace: 'shop', serviceAccount });
    assert.ok(made.ok);
    return made.value.token;
  };
  const client = (options: Partial<CertificateClientOptions> = {}) =>
    certificateClient({ address: `127.0.0.1:${port}`, caFile, token: { kind: 'value', token: token() }, ...options });
  return { clock, side, folder, token, client, caFile };
}

const ask = (source: ReturnType<typeof certificateClient>, current: WorkloadCertificate | null = null) =>
  source.request(createCsr(aKeyPair()), current, new AbortController().signal);

async function refusalOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return 'accepted';
  } catch (error) {
    assert.ok(isMeshError(error));
    return `${error.code}: ${error.message}`;
  }
}

test('a workload joins by a token once, and renews by its certificate with new keys after the token has gone', async (t) => {
  const { clock, client, folder, token, side } = await aControlPlane(t);
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${token().reveal()}\n`);
  const agent = new IdentityAgent({
    source: client({ token: { kind: 'file', path: tokenFile }, ttlMs: 30_000 }),
    cache: folderCache(join(folder, 'sidecar')),
    expectedId: cart,
    wantedLifeMs: 30_000,
    clock,
    random: () => 0.5,
    onFailure: assert.fail,
  });
  t.after(() => agent.close());
  const seen: WorkloadCertificate[] = [];
  agent.certificates.subscribe((certificate) => certificate !== null && seen.push(certificate));
  await agent.start();
  await eventually(() => seen.length === 1);
  await rm(tokenFile);
  for (const count of [2, 3]) {
    clock.advance(15_000);
    await eventually(() => {
      // A renewal that fell due while the one before was still being kept has its timer set only now.
      clock.advance(0);
      return seen.length === count;
    });
  }
  // What it still writes is written before its folder goes.
  await agent.close();
  assert.equal(new Set(seen.map(({ key }) => key.reveal())).size, 3);
  assert.deepEqual(
    seen.map(({ spiffeId }) => spiffeId),
    [cart, cart, cart],
  );
  assert.deepEqual(
    side.authority.issued().map(({ serial, notAfter }) => ({ serial, notAfter })),
    seen.map(({ serial, notAfter }) => ({ serial, notAfter })),
  );
  assert.equal(agent.state().lastError, null);
});

test('a workload whose certificate is not taken any more comes back by its token', async (t) => {
  const { client } = await aControlPlane(t);
  const root = aRoot();
  const leaf = aWorkloadLeaf(root);
  const old: WorkloadCertificate = {
    chainPem: leaf.pem,
    key: new Secret(leaf.keyPem),
    rootsPem: root.pem,
    spiffeId: cart,
    notBefore: leaf.certificate.notBefore,
    notAfter: leaf.certificate.notAfter,
    serial: leaf.certificate.serial,
  };
  assert.equal((await ask(client(), old)).length, 2);
  assert.match(await refusalOf(ask(client({ token: null }), old)), /^authentication: .*no credentials/);
});

test('refusals reach the sidecar with their reason', async (t) => {
  const { client, folder, clock, token } = await aControlPlane(t);
  const strangers = join(folder, 'strangers.pem');
  await writeFile(strangers, aRoot().pem);
  const fresh = token();
  assert.match(
    await refusalOf(ask(client({ caFile: strangers }))),
    /^control_plane_unavailable: .*self-signed|unable to/,
  );
  assert.match(await refusalOf(ask(client({ serverName: 'other.test' }))), /^control_plane_unavailable: .*altnames/);
  assert.equal(await refusalOf(ask(client({ serverName: 'control-plane.test' }))), 'accepted');
  assert.match(await refusalOf(ask(client({ ttlMs: 91 * 86_400_000 }))), /^certificate: .*above the maximum/);
  assert.match(await refusalOf(ask(client({ token: null }))), /^authentication: neither/);
  assert.match(await refusalOf(ask(client({ caFile: join(folder, 'none') }))), /^io: cannot read .*none/);
  clock.advance(3_600_000);
  assert.match(await refusalOf(ask(client({ token: { kind: 'value', token: fresh } }))), /^authentication: .*expired/);
});

test('an attempt is given up when the sidecar stops', async (t) => {
  const { client } = await aControlPlane(t);
  const request = client().request(createCsr(aKeyPair()), null, AbortSignal.abort());
  assert.match(await refusalOf(request), /^aborted: /);
});
