/** The show, as a user sees it: one command starts a mesh, files steer it while traffic runs, Ctrl-C leaves nothing behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { isAlive, UpProcess, type Split } from './up-process.ts';

const data = mkdtempSync(join(tmpdir(), 'tulle-up-'));
const virtualService = join(data, 'config', 'payments-virtual-service.yaml');
let mesh: UpProcess;

before(async () => {
  mesh = new UpProcess(data);
  await mesh.printed(/First meshed order after [\d.]+ s/);
});

after(async () => {
  await mesh.end('SIGKILL');
  rmSync(data, { recursive: true, force: true, maxRetries: 5 });
});

/** Saves the VirtualService with these weights. */
function writeWeights(v1: number | string, v2: number): void {
  const text = readFileSync(virtualService, 'utf8');
  writeFileSync(
    virtualService,
    text.replace(/weight: .* # v1/, `weight: ${v1} # v1`).replace(/weight: .* # v2/, `weight: ${v2} # v2`),
  );
}

/** How payments were split while at least so many calls came. */
async function splitOf(calls: number): Promise<Split> {
  const from = await mesh.split();
  return eventually(
    async () => {
      const to = await mesh.split();
      const split = { v1: to.v1 - from.v1, v2: to.v2 - from.v2 };
      assert.ok(split.v1 + split.v2 >= calls, `only ${split.v1 + split.v2} of ${calls} calls came`);
      return split;
    },
    30_000,
    100,
  );
}

/** Calls of these that ended with 5xx, or without an answer. */
async function failuresOf(callers: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    callers.flatMap((name) =>
      ['response_code="5', 'response_code="0"'].map((code) => mesh.countRequests(name, 'reporter="source"', code)),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Fails when calls of these failed, but for so many that are known of; says which. */
async function assertNoFailures(callers: readonly string[], known = 0): Promise<void> {
  assert.equal(await failuresOf(callers), known, callers.map((name) => mesh.failedRequests(name)).join('\n'));
}

const callers = ['traffic', 'orders-1'];
const moveWithinMs = 2000;

test('orders are placed through the mesh, by mutual TLS alone', async () => {
  assert.ok((await mesh.countRequests('orders-1', 'reporter="destination"', '="mutual_tls"')) > 0);
  assert.equal(await mesh.countRequests('orders-1', 'reporter="destination"', '_policy="none"'), 0);
  const { v1, v2 } = await splitOf(40);
  assert.ok(v1 >= 5 && v2 >= 5, `${v1} to ${v2}`);
});

test('weights of 90 and 10, then 0 and 100, move the traffic within two seconds, and no request fails', async () => {
  writeWeights(90, 10);
  await pause(moveWithinMs);
  const mostly = await splitOf(60);
  assert.ok(mostly.v1 / (mostly.v1 + mostly.v2) > 0.7, `${mostly.v1} to ${mostly.v2}`);
  writeWeights(0, 100);
  await pause(moveWithinMs);
  assert.deepEqual({ ...(await splitOf(30)), v2: 0 }, { v1: 0, v2: 0 });
  await assertNoFailures(callers);
});

test('a broken edit changes nothing, and meshctl names file, line, path and reason', async () => {
  writeWeights('lots', 100);
  const line =
    1 +
    readFileSync(virtualService, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('lots'));
  const { stderr } = await eventually(() => {
    const got = mesh.meshctl('get', 'virtualservices', '-A');
    assert.equal(got.status, 79, got.stdout + got.stderr);
    return got;
  });
  assert.match(
    stderr,
    new RegExp(`payments-virtual-service.yaml:${line}: error: spec\\.http\\[0\\]\\.route\\[0\\]\\.weight: \\S+`),
  );
  assert.equal((await splitOf(20)).v1, 0);
  writeWeights(50, 50);
  await eventually(() => mesh.meshctl('get', 'virtualservices', '-A').status === 0);
  const { v1, v2 } = await splitOf(60);
  assert.ok(v1 >= 5 && v2 >= 5, `${v1} to ${v2}`);
  await assertNoFailures(callers);
});

test('a second mesh on the same data is refused', async () => {
  const second = new UpProcess(data);
  await second.printed(/a mesh already runs on/);
  assert.notEqual(await second.end('SIGKILL'), 0);
});

test('Ctrl-C stops everything within five seconds, and leaves no process', async () => {
  const pids = [...mesh.children().values()];
  assert.equal(pids.length, 11);
  const startedAt = performance.now();
  assert.equal(await mesh.end('SIGINT'), 0, mesh.text);
  assert.ok(performance.now() - startedAt < 5000);
  assert.deepEqual(pids.filter(isAlive), []);
  assert.match(mesh.text, /\d+ requests, 0 failed; orders: .*; wrong answers: 0\./);
});

test('starts again on the same data', async () => {
  mesh = new UpProcess(data);
  await mesh.printed(/First meshed order after/);
  // Orders goes on at once with what it had not finished, while payments may still be starting: that may fail, and is repeated.
  await assertNoFailures(['traffic']);
});

test('without its control plane the mesh goes on, and gets it back after two seconds', async () => {
  const before = await failuresOf(callers);
  process.kill(mesh.childPid('control-plane/main.ts'), 'SIGKILL');
  await mesh.printed(/control-plane ended \(SIGKILL\), starting it again in 2 s/);
  await splitOf(20);
  await eventually(
    () => mesh.meshctl('proxy', 'status', '-o', 'name').stdout.trim().split('\n').length === 5,
    20_000,
    200,
  );
  await splitOf(40);
  await assertNoFailures(callers, before);
});

test('its processes end with it even when it is killed', async () => {
  const pids = [...mesh.children().values()];
  assert.equal(pids.length, 11);
  await mesh.end('SIGKILL');
  await eventually(() => assert.deepEqual(pids.filter(isAlive), []), 6000, 100);
});
