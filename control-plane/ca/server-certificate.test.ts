import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { Secret } from '#shared/runtime/secret.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import { aRoot } from '../../test/support/certificates.ts';
import { Authority } from './authority.ts';
import { checkGivenAuthority } from './key-store.ts';
import { ServerCertificate } from './server-certificate.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;
const names = { dnsNames: ['tulle.svc', 'localhost'], addresses: ['127.0.0.1'] };

function aServer(rootLifeMs: number) {
  const root = aRoot({ now, lifeMs: rootLifeMs });
  const clock = new FakeClock(now);
  const keys = checkGivenAuthority({ certificate: root.pem, key: new Secret(root.keyPem) }, now);
  assert.ok(keys.ok);
  const authority = new Authority({ keys: new WatchSource(keys.value), trustDomain: 'cluster.local', clock });
  const failures: string[] = [];
  const server = new ServerCertificate(authority, names, clock, (message) => failures.push(message));
  return { server, clock, failures, root };
}

test('serves a certificate for its names, and a new one with a new key at half of its life', () => {
  const { server, clock, root } = aServer(1000 * hourMs);
  const first = server.credentials.current();
  assert.ok(first);
  const certificate = new X509Certificate(first.chainPem);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(first.rootsPem, root.pem);
  clock.advance(12 * hourMs - 1);
  assert.equal(server.credentials.current(), first);
  clock.advance(1);
  const second = server.credentials.current();
  assert.equal(second?.notAfter, now + 36 * hourMs);
  assert.notEqual(second?.key.reveal(), first.key.reveal());
  server.close();
  assert.equal(clock.pending, 0);
});

test('a server that runs past the end of its authority serves nothing rather than an expired certificate', () => {
  const { server, clock, failures } = aServer(30 * hourMs);
  const seen: boolean[] = [];
  for (let hour = 0; hour < 40; hour++) {
    const current = server.credentials.current();
    assert.ok(current === null || current.notAfter > clock.now(), `hour ${hour}`);
    seen.push(current !== null);
    clock.advance(hourMs);
  }
  assert.deepEqual([seen.indexOf(false), seen.lastIndexOf(true)], [30, 29]);
  assert.match(failures[0] ?? '', /authority itself has expired/);
  server.close();
});
