import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { WatchSource } from '#shared/runtime/watch.ts';
import type { WorkloadCertificate } from '#shared/x509/workload-certificate.ts';
import { eventually } from '../../test/support/eventually.ts';
import { WorkloadSecrets } from './secret-store.ts';
import { anAuthority, anIdentity } from './tls.fixture.ts';

function setUp(identity: WorkloadCertificate | null = null) {
  const workload = new WatchSource<WorkloadCertificate | null>(identity);
  const clock = new FakeClock();
  const problems: string[] = [];
  const secrets = new WorkloadSecrets({ workload, clock, onProblem: (path) => problems.push(path) });
  return { workload, clock, problems, secrets };
}

test('the identity agent answers its two names, and changes with the certificate', () => {
  const authority = anAuthority();
  const identity = anIdentity(authority, 'spiffe://d/ns/a/sa/b');
  const { workload, secrets } = setUp();
  const own = secrets.secret({ kind: 'sds', name: 'default' });
  const roots = secrets.bundle({ kind: 'sds', name: 'ROOTCA' });
  assert.deepEqual([own.current(), roots.current()], [null, null]);
  const seen: unknown[] = [];
  own.subscribe((pair) => seen.push(pair));
  workload.set(identity);
  assert.deepEqual([own.current()?.certificate, roots.current()], [identity.chainPem, authority.pem]);
  assert.deepEqual(seen, [own.current()]);
  assert.equal(own.current()?.key.reveal(), identity.key.reveal());
});

test('names that nobody answers stay empty', () => {
  const { secrets } = setUp(anIdentity(anAuthority(), 'spiffe://d/ns/a/sa/b'));
  assert.equal(secrets.secret({ kind: 'sds', name: 'other' }).current(), null);
  assert.equal(secrets.bundle({ kind: 'sds', name: 'default' }).current(), null);
});

test('inline ones are there at once, and print no key', () => {
  const { secrets } = setUp();
  const pair = secrets.secret({ kind: 'inline', certificate: 'C', key: 'K' }).current();
  assert.deepEqual([pair?.certificate, pair?.key.reveal(), `${pair?.key}`], ['C', 'K', '[redacted]']);
});

test('files are read again, and the last good content stays while they cannot be', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  const path = join(folder, 'roots.pem');
  writeFileSync(path, 'first');
  const { clock, problems, secrets } = setUp();
  const bundle = secrets.bundle({ kind: 'file', certificate: path, key: null });
  await eventually(() => bundle.current() === 'first' && clock.pending === 1);
  writeFileSync(path, 'second');
  clock.advance(10_000);
  await eventually(() => bundle.current() === 'second' && clock.pending === 1);
  rmSync(folder, { recursive: true });
  clock.advance(10_000);
  await eventually(() => problems.length === 1);
  assert.deepEqual([bundle.current(), problems], ['second', [path]]);
  secrets.close();
});

test('are settled when each file has been read, or could not be', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  const path = join(folder, 'roots.pem');
  writeFileSync(path, 'first');
  const { problems, secrets } = setUp();
  const bundle = secrets.bundle({ kind: 'file', certificate: path, key: null });
  secrets.secret({ kind: 'file', certificate: path, key: join(folder, 'nowhere.pem') });
  assert.equal(bundle.current(), null);
  await secrets.settled();
  assert.deepEqual([bundle.current(), problems], ['first', [join(folder, 'nowhere.pem')]]);
  secrets.close();
  rmSync(folder, { recursive: true });
});
