import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { eventually } from '../test/support/eventually.ts';
import { otherProcesses, watchProcesses } from './pod-processes.ts';

test('processes of other containers are those of other cgroups, but for the one that holds the pod together', async (context) => {
  const proc = await mkdtemp(join(tmpdir(), 'tulle-proc-'));
  context.after(() => rm(proc, { recursive: true }));
  const groups = { 1: '0::/../pause', 7: '0::/', 20: '0::/', 31: '0::/../app', 32: '0::/../app' };
  for (const [id, group] of Object.entries(groups)) {
    await mkdir(join(proc, id));
    await writeFile(join(proc, id, 'cgroup'), `${group}\n`);
  }
  // It ends while it is looked at.
  await mkdir(join(proc, '40'));
  await mkdir(join(proc, 'sys'));
  assert.deepEqual(await otherProcesses(proc, 7), [31, 32]);
});

test('the end of the others is told once, when they are surely gone, and not before they were there', async () => {
  const clock = new FakeClock();
  let found: readonly number[] = [];
  let looks = 0;
  let ends = 0;
  const stop = watchProcesses(
    clock,
    () => {
      looks++;
      return Promise.resolve(found);
    },
    () => ends++,
  );
  const look = async (processes: readonly number[]) => {
    found = processes;
    const before = looks;
    await eventually(() => clock.pending === 1);
    clock.advance(1000);
    await eventually(() => looks > before && (clock.pending === 1 || ends > 0));
  };
  for (const processes of [[], [], [], [], [5], [], [], [6], [], []]) await look(processes);
  assert.equal(ends, 0);
  await look([]);
  assert.deepEqual([ends, clock.pending], [1, 0]);
  stop();
});
