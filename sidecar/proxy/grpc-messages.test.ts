import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { MessageCounter } from './grpc-messages.ts';

/** A message of so many octets. */
function aMessage(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff);
  bytes.writeUInt8(0, 0);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

const counted = (...chunks: readonly Buffer[]) => {
  const counter = new MessageCounter();
  return chunks.map((chunk) => {
    counter.take(chunk);
    return counter.count;
  });
};

test('a message counts when it begins, wherever it is cut', () => {
  const bytes = aMessage(300);
  assert.deepEqual(
    counted(bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4, 90), bytes.subarray(90)),
    [1, 1, 1, 1],
  );
});

test('several messages come in one chunk, empty ones too', () => {
  assert.deepEqual(counted(Buffer.concat([aMessage(0), aMessage(7), aMessage(0)]), aMessage(1)), [3, 4]);
});

test('nothing is no message', () => {
  assert.deepEqual(counted(Buffer.alloc(0)), [0]);
});

test('however a stream is cut, it has as many messages', () => {
  const random = seededRandom(3);
  const lengths = Array.from({ length: 200 }, () => Math.floor(random() ** 4 * 2000));
  const stream = Buffer.concat(lengths.map(aMessage));
  for (let run = 0; run < 20; run++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < stream.length;) {
      const length = 1 + Math.floor(random() ** 3 * 900);
      chunks.push(stream.subarray(at, at + length));
      at += length;
    }
    assert.equal(counted(...chunks).at(-1), 200);
  }
});
