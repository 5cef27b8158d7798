import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { FakeClock } from '#shared/runtime/clock.ts';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { parseCsr } from '#shared/x509/csr.ts';
import { backdateMs, issueWorkloadLeaf, newSerial } from '#shared/x509/issue.ts';
import { encodePem } from '#shared/x509/pem.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { aRoot } from '../../test/support/certificates.ts';
import { eventually } from '../../test/support/eventually.ts';
import { IdentityAgent, type IdentityAgentOptions } from './agent.ts';
import { folderCache } from './certificate-cache.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

/** An authority in the same process, which can be told to fail. */
class FakeAuthority {
  readonly root = aRoot({ now });
  readonly clock = new FakeClock(now);
  readonly seen: { csr: string; current: WorkloadCertificate | null }[] = [];
  failure: Error | null = null;
  spiffeId = cart;

  request(csr: string, current: WorkloadCertificate | null): Promise<readonly string[]> {
    this.seen.push({ csr, current });
    if (this.failure !== null) return Promise.reject(this.failure);
    const parsed = parseCsr(csr);
    assert.ok(parsed.ok);
    const times = { notBefore: this.clock.now() - backdateMs, notAfter: this.clock.now() + 24 * hourMs };
    const request = { spki: parsed.value.publicKey.spki, serial: newSerial(), ...times };
    const leaf = issueWorkloadLeaf(this.root, request, this.spiffeId);
    return Promise.resolve([encodePem('CERTIFICATE', leaf), this.root.pem]);
  }
}

function anAgent(t: TestContext, authority: FakeAuthority, options: Partial<IdentityAgentOptions> = {}) {
  const failures: string[] = [];
  const agent = new IdentityAgent({
    source: { request: (csr, current) => authority.request(csr, current) },
    cache: null,
    expectedId: cart,
    wantedLifeMs: 0,
    clock: authority.clock,
    random: () => 0.5,
    onFailure: (message) => failures.push(message),
    ...options,
  });
  t.after(() => agent.close());
  return { agent, failures };
}

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-identity-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Waits until there is a value. */
async function present<T>(probe: () => T | null): Promise<T> {
  return eventually(() => {
    const value = probe();
    assert.ok(value !== null);
    return value;
  });
}
const current = (agent: IdentityAgent) => present(() => agent.certificates.current());

test('publishes a first certificate and renews it at half life with a new key, shown to be known by', async (t) => {
  const authority = new FakeAuthority();
  const { agent } = anAgent(t, authority);
  await agent.start();
  const first = await current(agent);
  assert.equal(first.spiffeId, cart);
  assert.equal(first.rootsPem, authority.root.pem);
  assert.equal(first.chainPem.match(/BEGIN CERTIFICATE/g)?.length, 1);
  assert.deepEqual(agent.state(), {
    spiffeId: cart,
    serial: first.serial,
    notBefore: now - 120_000,
    notAfter: now + 24 * hourMs,
    nextRenewalAt: now + 12 * hourMs,
    failures: 0,
    lastError: null,
  });
  assert.ok(!inspect(first).includes('PRIVATE KEY') && !JSON.stringify(first).includes('PRIVATE KEY'));
  await eventually(() => authority.clock.pending === 1);
  authority.clock.advance(12 * hourMs - 1);
  assert.equal(authority.seen.length, 1);
  authority.clock.advance(1);
  await eventually(() => agent.certificates.current() !== first);
  const second = agent.certificates.current();
  assert.notEqual(second?.key.reveal(), first.key.reveal());
  assert.equal(authority.seen[1]?.current, first);
  assert.ok(authority.seen.every(({ csr }) => !csr.includes('PRIVATE')));
});

test('keeps the old certificate while renewal fails, has none once it expires, and recovers', async (t) => {
  const authority = new FakeAuthority();
  const { agent, failures } = anAgent(t, authority);
  await agent.start();
  const first = await current(agent);
  authority.failure = new MeshError('control_plane_unavailable', 'nobody there');
  for (let hour = 0; hour < 23; hour++) {
    authority.clock.advance(hourMs);
    if (hour >= 12) await eventually(() => authority.clock.pending > 0 && agent.state().failures > 0);
    assert.equal(agent.certificates.current(), first);
  }
  assert.match(agent.state().lastError ?? '', /nobody there/);
  authority.clock.advance(hourMs);
  assert.equal(agent.certificates.current(), null);
  assert.equal(agent.state().spiffeId, null);
  authority.failure = null;
  const next = await present(() => {
    authority.clock.advance(60_000);
    return agent.certificates.current();
  });
  assert.notEqual(next.serial, first.serial);
  assert.deepEqual([agent.state().failures, agent.state().lastError], [0, null]);
  assert.ok(failures.length > 0);
});

test('a kept certificate that is still good is used at once, without asking', async (t) => {
  const authority = new FakeAuthority();
  const cache = folderCache(await aFolder(t));
  const before = anAgent(t, authority, { cache }).agent;
  await before.start();
  const first = await current(before);
  await before.close();
  const { agent } = anAgent(t, authority, { cache });
  await agent.start();
  assert.deepEqual({ ...agent.certificates.current(), key: null }, { ...first, key: null });
  assert.equal(agent.certificates.current()?.key.reveal(), first.key.reveal());
  assert.equal(authority.seen.length, 1);
  assert.equal(agent.state().nextRenewalAt, now + 12 * hourMs);
});

test('a kept certificate that cannot be used is replaced, and the reason told', async (t) => {
  const folder = await aFolder(t);
  const cache = folderCache(folder);
  const authority = new FakeAuthority();
  const path = join(folder, 'workload-certificate.pem');
  const restart = async (options: Partial<IdentityAgentOptions> = {}) => {
    const { agent, failures } = anAgent(t, authority, { cache, ...options });
    const asked = authority.seen.length;
    await agent.start();
    await current(agent);
    await agent.close();
    assert.equal(authority.seen.length, asked + 1);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    return failures.join();
  };
  assert.equal(await restart(), '');
  await chmod(path, 0o644);
  assert.match(await restart(), /mode 0644/);
  authority.spiffeId = 'spiffe://cluster.local/ns/shop/sa/pay';
  assert.match(await restart({ expectedId: authority.spiffeId }), /sa\/cart, not for .*sa\/pay/);
  authority.clock.advance(25 * hourMs);
  assert.match(await restart({ expectedId: authority.spiffeId }), /expired/);
});

test('without a cache nothing is written', async (t) => {
  const folder = await aFolder(t);
  const { agent } = anAgent(t, new FakeAuthority());
  await agent.start();
  await current(agent);
  await agent.close();
  assert.deepEqual(await readdir(folder), []);
});

test('an answer for another key, for another identity or under no root is not used', async (t) => {
  const authority = new FakeAuthority();
  const elsewhere = new FakeAuthority();
  const refusals = async (request: IdentityAgentOptions['source']['request']) => {
    const { agent } = anAgent(t, authority, { source: { request } });
    await agent.start();
    const error = await present(() => agent.state().lastError);
    assert.equal(agent.certificates.current(), null);
    await agent.close();
    return error;
  };
  let strangersCsr = '';
  const { agent: stranger } = anAgent(t, elsewhere);
  await stranger.start();
  await current(stranger);
  strangersCsr = elsewhere.seen[0]?.csr ?? '';
  assert.match(await refusals(() => authority.request(strangersCsr, null)), /not for the key that was sent/);
  assert.match(
    await refusals(async (csr) => (await authority.request(csr, null)).slice(0, 1)),
    /no trusted certificate/,
  );
  assert.match(
    await refusals(async (csr) => [(await authority.request(csr, null))[0] ?? '', elsewhere.root.pem]),
    /no trusted certificate/,
  );
  assert.match(await refusals(async () => []), /no PEM block/);
  authority.spiffeId = 'spiffe://cluster.local/ns/shop/sa/pay';
  assert.match(await refusals((csr) => authority.request(csr, null)), /sa\/pay, not for .*sa\/cart/);
});

test('closing ends the attempt in flight and leaves no timer', async (t) => {
  const authority = new FakeAuthority();
  const { agent } = anAgent(t, authority, {
    source: {
      request: (_csr, _current, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new MeshError('aborted', 'closed')))),
    },
  });
  await agent.start();
  await agent.close();
  assert.equal(authority.clock.pending, 0);
  assert.equal(agent.state().failures, 0);
});
