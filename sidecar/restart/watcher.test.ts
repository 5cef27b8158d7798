import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readLine, Watcher } from './watcher.ts';

const first = { pid: 1, exitCode: null, rest: '' };

test('the last who took over is in charge, however the bytes are cut', () => {
  const text = 'pid 22\npid 333\nexit 3\n';
  const whole = { pid: 333, exitCode: 3, rest: '' };
  assert.deepEqual(readLine(first, text), whole);
  for (let cut = 0; cut <= text.length; cut++)
    assert.deepEqual(readLine(readLine(first, text.slice(0, cut)), text.slice(cut)), whole);
  assert.deepEqual(readLine(first, 'pid x\nsomething\n'), first);
});

test('ends as the last sidecar said, and as failed when it said nothing', async () => {
  const [said, silent] = [new PassThrough(), new PassThrough()];
  const ended = new Watcher(said, 1).ended;
  said.end('pid 2\nexit 7\n');
  assert.equal(await ended, 7);
  const killed = new Watcher(silent, 1).ended;
  silent.destroy();
  assert.equal(await killed, 1);
});

test('passes signals on, and is not troubled by a process that has just ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const watcher = new Watcher(new PassThrough(), child.pid ?? 0);
  watcher.signal('SIGTERM');
  const [, signal] = (await once(child, 'exit')) as [number | null, string];
  assert.equal(signal, 'SIGTERM');
  watcher.signal('SIGTERM');
});
