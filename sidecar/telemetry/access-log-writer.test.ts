import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import { AccessLogWriter, openAccessLog } from './access-log-writer.ts';

function aSink(): { stream: Writable; written: string[]; release: () => void } {
  const written: string[] = [];
  let waiting: (() => void)[] = [];
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, callback) {
      written.push(chunk.toString());
      waiting.push(callback);
    },
  });
  return {
    stream,
    written,
    release: () => {
      const callbacks = waiting;
      waiting = [];
      for (const callback of callbacks) callback();
    },
  };
}

const onError = (error: Error) => assert.fail(error);

test('lines are gathered and written together after 50 ms', () => {
  const clock = new FakeClock();
  const sink = aSink();
  const writer = new AccessLogWriter(sink.stream, true, { clock, onError });
  writer.write(Buffer.from('one\n'));
  writer.write(Buffer.from('two\n'));
  clock.advance(49);
  assert.deepEqual(sink.written, []);
  clock.advance(1);
  assert.deepEqual(sink.written, ['one\ntwo\n']);
  assert.equal(clock.pending, 0);
});

test('much at once is written without waiting', () => {
  const clock = new FakeClock();
  const sink = aSink();
  const writer = new AccessLogWriter(sink.stream, true, { clock, onError });
  for (let i = 0; i < 70; i++) writer.write(Buffer.from(`${'x'.repeat(1023)}\n`));
  assert.equal(sink.written.length, 1);
  assert.equal(sink.written[0]?.length, 64 * 1024);
});

test('lines are dropped and counted while the destination does not keep up, and taken again after', () => {
  const clock = new FakeClock();
  const sink = aSink();
  const writer = new AccessLogWriter(sink.stream, true, { clock, onError, maxQueuedBytes: 10 });
  writer.write(Buffer.from('0123456789\n'));
  writer.flush();
  writer.write(Buffer.from('lost\n'));
  assert.equal(writer.dropped, 1);
  sink.release();
  writer.write(Buffer.from('kept\n'));
  writer.flush();
  assert.deepEqual([sink.written, writer.dropped], [['0123456789\n', 'kept\n'], 1]);
});

test('a destination that fails is reported once, and its lines are dropped', () => {
  const errors: string[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('disk full')) });
  const writer = new AccessLogWriter(stream, true, { clock: new FakeClock(), onError: (e) => errors.push(e.message) });
  writer.write(Buffer.from('one\n'));
  writer.flush();
  return new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
    writer.write(Buffer.from('two\n'));
    assert.deepEqual([errors, writer.dropped], [['disk full'], 1]);
    await writer.close();
  });
});

test('a file is appended to, and complete when the writer has closed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'access.log');
  for (const line of ['first\n', 'second\n']) {
    const writer = openAccessLog(path, { clock: new FakeClock(), onError });
    writer.write(Buffer.from(line));
    await writer.close();
  }
  assert.equal(await readFile(path, 'utf8'), 'first\nsecond\n');
});

test('/dev/null takes lines without keeping or counting them', async () => {
  const clock = new FakeClock();
  const writer = openAccessLog('/dev/null', { clock, onError });
  writer.write(Buffer.from('line\n'));
  assert.deepEqual([writer.dropped, clock.pending], [0, 0]);
  await writer.close();
});
