import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as readAll } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Duplex } from 'node:stream';

const module = JSON.stringify(new URL('watched-line.ts', import.meta.url).href);

/** Runs `script` in a process that has the line at descriptors 3 and 4 as `line`; `gone` is called when nobody watches. */
function run(script: string, stderr: 'inherit' | 'ignore' = 'inherit') {
  const source = `
    import { WatchedLine } from ${module};
    const stay = setInterval(() => {}, 1000);
    const line = new WatchedLine({ line: 3, life: 4 }, () => { console.log('unwatched'); clearInterval(stay); });
    process.once('exit', (code) => line.end(code));
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', stderr, 'pipe', 'pipe'],
  });
  return { child, end: child.stdio[3] as Duplex, life: child.stdio[4] as unknown as Duplex };
}

test('the sidecar in charge says who it is and how it ended', async () => {
  const { end } = run('line.takeOver(123); process.exit(5);');
  assert.equal(await readAll(end), 'pid 123\nexit 5\n');
});

test('one that is not in charge, or no more, says nothing of its end', async () => {
  assert.equal(await readAll(run('process.exit(5);').end), '');
  assert.equal(await readAll(run('line.takeOver(123); line.release(); process.exit(0);').end), 'pid 123\n');
});

test('an error that nobody catches is an end as well', async () => {
  const { end } = run("line.takeOver(1); throw new Error('x');", 'ignore');
  assert.equal(await readAll(end), 'pid 1\nexit 1\n');
});

test('hears when nobody watches any more, also when another is in charge', async () => {
  for (const script of ['line.takeOver(123);', 'line.takeOver(123); line.release();']) {
    const { child, end, life } = run(script);
    await once(end, 'data');
    life.destroy();
    const { stdout } = child;
    assert.ok(stdout);
    assert.equal(await readAll(stdout), 'unwatched\n');
  }
});
