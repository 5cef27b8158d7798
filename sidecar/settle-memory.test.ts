import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { settleMemory, unchangedFilePages } from './settle-memory.ts';

const mapping = (head: string, anonymousKb: number) =>
  [head, 'Size:  8 kB', 'Rss:  8 kB', `Anonymous:  ${anonymousKb} kB`, 'AnonHugePages:  0 kB', 'VmFlags: rd mr'].join(
    '\n',
  );

const smaps = [
  mapping('00400000-00402000 r--p 00000000 fe:00 131 /opt/node', 0),
  mapping('00402000-00405000 r-xp 00002000 fe:00 131 /opt/my node', 0),
  mapping('00405000-00406000 r--p 00005000 fe:00 131 /opt/node', 4),
  mapping('00406000-00407000 rw-p 00006000 fe:00 131 /opt/node', 0),
  mapping('7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ', 0),
  mapping('7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0 [vdso]', 0),
].join('\n');

test('only what is nothing but pages of a file is dropped: not what was written, relocated or never lay in a file', () => {
  assert.deepEqual(unchangedFilePages(smaps), [
    { start: 0x400000n, length: 0x2000n },
    { start: 0x402000n, length: 0x3000n },
  ]);
  assert.deepEqual(unchangedFilePages(''), []);
});

test('memory is given back, and what was dropped works on', { skip: process.platform !== 'linux' }, async () => {
  const { fromMb, toMb, problem } = await settleMemory();
  assert.ok(toMb < fromMb, `${fromMb} MB before, ${toMb} MB after`);
  assert.equal(problem, null);
  assert.equal(
    createHash('sha256').update('abc').digest('hex'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});
