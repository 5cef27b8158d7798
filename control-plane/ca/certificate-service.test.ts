import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { parseCertificate, uriSans } from '#shared/x509/certificate.ts';
import { createCsr } from '#shared/x509/csr.ts';
import { issueServerLeaf, issueWorkloadLeaf, newSerial } from '#shared/x509/issue.ts';
import { decodePem } from '#shared/x509/pem.ts';
import { aKeyPair, aRoot, aWorkloadLeaf } from '../../test/support/certificates.ts';
import { clientCertificateAttestor } from './attestors/client-certificate.ts';
import { joinTokenAttestor } from './attestors/join-token.ts';
import { Authority } from './authority.ts';
import { certificateHandler } from './certificate-service.ts';
import { JoinTokens } from './join-token.ts';
import { checkGivenAuthority } from './key-store.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const trustDomain = 'cluster.local';
const hourMs = 3_600_000;

function aService() {
  const root = aRoot({ now });
  const clock = new FakeClock(now);
  const keys = checkGivenAuthority({ certificate: root.pem, key: new Secret(root.keyPem) }, now);
  assert.ok(keys.ok);
  const tokens = new JoinTokens({ key: () => Buffer.alloc(32, 1), trustDomain, audience: 'tulle-ca', clock });
  const watched = new WatchSource(keys.value);
  const attestors = [joinTokenAttestor(tokens), clientCertificateAttestor({ keys: watched, trustDomain, clock })];
  const authority = new Authority({ keys: watched, trustDomain, clock });
  const handle = certificateHandler(authority, attestors);
  const csr = createCsr(aKeyPair(), 'spiffe://cluster.local/ns/wish/sa/wish');
  const ask = async (
    caller: { authorization?: string; peerCertificate?: Buffer },
    request: { csr?: string; validityMs?: number; metadata?: Record<string, string> } = {},
  ) => {
    const answer = await handle(
      { csr, validityMs: 0, ...request, metadata: new Map(Object.entries(request.metadata ?? {})) },
      { authorization: null, peerCertificate: null, ...caller },
    );
    if (answer.kind === 'refused') return `${answer.reason}: ${answer.message}`;
    const leaf = decodePem(answer.chain[0] ?? '', 'CERTIFICATE', 'leaf');
    return leaf.ok ? uriSans(leaf.value[0]).join() : 'no leaf';
  };
  const made = tokens.mint({ namespace: 'shop', serviceAccount: 'cart' });
  assert.ok(made.ok);
  return { root, clock, ask, bearer: `Bearer ${made.value.token.reveal()}`, authority };
}

test('the certificate is for whom the token is, whatever the request wishes', async () => {
  const { ask, bearer } = aService();
  assert.equal(await ask({ authorization: bearer }), 'spiffe://cluster.local/ns/shop/sa/cart');
});

test('a workload certificate of ours is renewed without a token', async () => {
  const { ask, root } = aService();
  const peerCertificate = aWorkloadLeaf(root, { now, spiffeId: 'spiffe://cluster.local/ns/shop/sa/pay' }).certificate
    .raw;
  assert.equal(await ask({ peerCertificate }), 'spiffe://cluster.local/ns/shop/sa/pay');
});

test('a bad token beside a good certificate does not lock a workload out', async () => {
  const { ask, root, bearer } = aService();
  const peerCertificate = aWorkloadLeaf(root, { now }).certificate.raw;
  assert.equal(await ask({ authorization: `${bearer}x`, peerCertificate }), 'spiffe://cluster.local/ns/shop/sa/cart');
});

test('callers whom no attestor knows are told why, and nothing is signed', async () => {
  const { ask, root, bearer, clock, authority } = aService();
  const stranger = aWorkloadLeaf(aRoot({ now }), { now }).certificate.raw;
  const foreign = aWorkloadLeaf(root, { now, spiffeId: 'spiffe://other/ns/shop/sa/cart' }).certificate.raw;
  const expired = aWorkloadLeaf(root, { now, lifeMs: -1000 }).certificate.raw;
  const pair = aKeyPair();
  const times = { notBefore: now - 1000, notAfter: now + hourMs };
  const leafRequest = { spki: pair.publicKey.export({ format: 'der', type: 'spki' }), serial: newSerial(), ...times };
  const server = issueServerLeaf(root, leafRequest, { dnsNames: ['localhost'], addresses: [] });
  const odd = issueWorkloadLeaf(root, leafRequest, 'https://cluster.local/ns/shop/sa/cart');
  assert.ok(parseCertificate(odd, 'x').ok);
  const answers = await Promise.all([
    ask({}),
    ask({ authorization: 'Bearer some.other.token' }),
    ask({ peerCertificate: stranger }),
    ask({ peerCertificate: foreign }),
    ask({ peerCertificate: expired }),
    ask({ peerCertificate: server }),
    ask({ peerCertificate: odd }),
    ask({ peerCertificate: Buffer.from('junk') }),
  ]);
  for (const answer of answers) assert.match(answer, /^unauthenticated: /);
  assert.match(answers[0] ?? '', /bring one of join token, client certificate/);
  assert.match(answers[2] ?? '', /no trusted certificate/);
  assert.match(answers[3] ?? '', /not of trust domain cluster\.local/);
  assert.match(answers[4] ?? '', /expired/);
  assert.match(answers[5] ?? '', /not exactly one URI name/);
  clock.advance(hourMs);
  assert.match(await ask({ authorization: bearer }), /^unauthenticated: .*expired/);
  assert.equal(authority.counters().issued, 0);
});

test('bad requests of known callers are refused with every problem', async () => {
  const { ask, bearer } = aService();
  const caller = { authorization: bearer };
  assert.match(await ask(caller, { csr: 'x', validityMs: 1000 }), /^invalid: .*below the minimum.*no PEM block/);
  assert.match(
    await ask(caller, { metadata: { ImpersonatedIdentity: 'spiffe://cluster.local/ns/a/sa/b' } }),
    /^invalid: metadata ImpersonatedIdentity is not supported/,
  );
  assert.equal(
    await ask(caller, { metadata: { ClusterID: 'one', CertSigner: '' } }),
    'spiffe://cluster.local/ns/shop/sa/cart',
  );
});

test('an authority that has expired is unavailable', async () => {
  const { ask, root, clock } = aService();
  clock.advance(1000 * hourMs - 1000);
  const peerCertificate = aWorkloadLeaf(root, { now: clock.now() }).certificate.raw;
  assert.equal(await ask({ peerCertificate }), 'spiffe://cluster.local/ns/shop/sa/cart');
  clock.advance(1000);
  assert.match(await ask({ peerCertificate }), /^unavailable: the authority itself has expired/);
});
