import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { chooseConcurrency, cpuLimitOf, readCpuFacts, type CpuFacts } from './concurrency.ts';

const facts: CpuFacts = { cpuMax: [], quota: null, period: null, parallelism: 8 };

const limits: readonly (readonly [what: string, facts: Partial<CpuFacts>, limit: number])[] = [
  ['no control group: the processors', {}, 8],
  ['no limit in cgroup v2', { cpuMax: ['max 100000\n'] }, 8],
  ['half a processor', { cpuMax: ['50000 100000\n'] }, 0.5],
  [
    'the narrowest of the groups that we lie in',
    { cpuMax: [null, '400000 100000', '150000 100000', 'max 100000'] },
    1.5,
  ],
  ['more than there are', { cpuMax: ['1600000 100000'] }, 8],
  ['a quota of cgroup v1', { quota: '200000\n', period: '100000\n' }, 2],
  ['no quota in cgroup v1', { quota: '-1\n', period: '100000\n' }, 8],
  ['what is not understood is no limit', { cpuMax: ['', 'much of it', '5'] }, 8],
];
for (const [what, given, limit] of limits)
  test(`processors: ${what}`, () => assert.equal(cpuLimitOf({ ...facts, ...given }), limit));

test('two threads where more than one processor may be used, else one, unless asked otherwise', () => {
  assert.deepEqual(
    [0.5, 1, 1.1, 2, 64].map((limit) => chooseConcurrency(null, limit)),
    [1, 1, 2, 2, 2],
  );
  assert.deepEqual(
    [1, 3].map((asked) => chooseConcurrency(asked, 1)),
    [1, 3],
  );
  assert.deepEqual(
    [0.5, 1.5, 4].map((limit) => chooseConcurrency(0, limit)),
    [1, 2, 4],
  );
});

test('the limits of the own control group and of those above it are read', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tulle-cgroup-'));
  try {
    const write = (path: string, content: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    write('proc/self/cgroup', '1:name=systemd:/x\n0::/kubepods/pod1\n');
    write('sys/fs/cgroup/kubepods/cpu.max', '100000 100000\n');
    write('sys/fs/cgroup/kubepods/pod1/cpu.max', '200000 100000\n');
    write('sys/fs/cgroup/other/cpu.max', '1 100000\n');
    const { cpuMax, quota } = await readCpuFacts(root);
    assert.deepEqual([cpuMax, quota], [[null, '100000 100000\n', '200000 100000\n'], null]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
