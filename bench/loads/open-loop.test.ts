import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { AnswerReader } from './answer-reader.ts';
import { poissonGaps } from './arrivals.ts';
import { parseOpenLoop, runOpenLoop } from './open-loop.ts';

test('arrivals come at the mean rate, and at the same times for the same seed', () => {
  const gaps = poissonGaps(1000, seededRandom(1));
  const again = poissonGaps(1000, seededRandom(1));
  const drawn = Array.from({ length: 10_000 }, gaps);
  const mean = drawn.reduce((sum, gap) => sum + gap, 0) / drawn.length;
  assert.ok(Math.abs(mean - 1000) < 50, `${mean} us`);
  assert.deepEqual(drawn, Array.from({ length: 10_000 }, again));
});

test('an answer is complete with the last octet of its body, wherever it was cut', () => {
  const answer = 'HTTP/1.1 503 Service Unavailable\r\nserver: x\r\nContent-Length: 5\r\n\r\nhello';
  for (let cut = 1; cut < answer.length; cut++) {
    const reader = new AnswerReader();
    assert.equal(reader.read(Buffer.from(answer.slice(0, cut))), null, `cut at ${cut}`);
    assert.equal(reader.read(Buffer.from(answer.slice(cut))), 503, `cut at ${cut}`);
  }
});

test('an answer without a body is complete with its head, and the next one is read afresh', () => {
  const reader = new AnswerReader();
  assert.equal(reader.read(Buffer.from('HTTP/1.1 204 No Content\r\n\r\n')), 204);
  assert.equal(reader.read(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx')), 200);
});

test('refusals and a backlog are errors, a few requests under way at the end are none', () => {
  const line = { count: 1000, p50Us: 100, p99Us: 900, p999Us: 1500, errors: 0, unanswered: 3 };
  const result = { count: 1000, seconds: 2, latency: { p50Us: 100, p99Us: 900, p999Us: 1500 } };
  assert.deepEqual(parseOpenLoop(JSON.stringify(line), 2), { ...result, errors: '' });
  assert.deepEqual(parseOpenLoop(JSON.stringify({ ...line, errors: 7, unanswered: 400 }), 2), {
    ...result,
    errors: '7 answers other than 200, 400 unanswered',
  });
});

test('latency is counted from when a request was due, not from when a connection was free', async () => {
  // One connection and 20 ms an answer: fifty a second at most, of the two hundred that are due.
  const server = createServer((socket) => {
    socket.on('data', () => setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), 20));
    socket.on('error', () => socket.destroy());
  });
  after(() => server.close());
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const load = { port, path: '/', perSecond: 200, connections: 1, seconds: 1 };
  const { count, latency, errors } = await runOpenLoop(load, AbortSignal.timeout(10_000));
  assert.ok(count <= 51, `${count} answers`);
  assert.ok((latency?.p99Us ?? 0) > 300_000, `p99 ${latency?.p99Us} us`);
  assert.match(errors, /unanswered/);
});
