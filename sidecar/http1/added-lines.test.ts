import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { AddedLines } from './added-lines.ts';
import { ByteWriter } from './byte-writer.ts';

type Pairs = readonly (readonly [string, string])[];

function aWriter() {
  const writer = new ByteWriter();
  const lines = new AddedLines();
  const write = (pairs: Pairs): string => {
    writer.begin(7000);
    writer.literal('HEAD\r\n');
    lines.write(writer, pairs.flat(), 2 * pairs.length);
    return writer.finish().toString('latin1');
  };
  return { writer, write };
}

const plain = (pairs: Pairs) => `HEAD\r\n${pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`;

describe('AddedLines', () => {
  it('writes each message as if it were the first, whatever of the one before is in it', () => {
    const random = seededRandom(7);
    const pick = (below: number) => Math.floor(random() * below);
    const { write } = aWriter();
    for (let i = 0; i < 2000; i++) {
      const pairs = Array.from({ length: pick(7) }, () => [`name-${pick(3)}`, 'v'.repeat(pick(3) * pick(40))] as const);
      assert.equal(write(pairs), plain(pairs));
    }
  });

  it('leaves out the fields of a connection, also when they come again', () => {
    const { write } = aWriter();
    const pairs: Pairs = [
      ['a', '1'],
      ['connection', 'close'],
      ['b', '2'],
    ];
    for (let i = 0; i < 3; i++) assert.equal(write(pairs), 'HEAD\r\na: 1\r\nb: 2\r\n');
  });

  it('refuses what would split a message each time it comes, and forgets what it began', () => {
    const { write } = aWriter();
    const good: Pairs = [
      ['a', '1'],
      ['b', '2'],
    ];
    write(good);
    for (let i = 0; i < 2; i++) {
      assert.throws(
        () =>
          write([
            ['a', '3'],
            ['b', '2\r\n'],
          ]),
        /not a field value: .* of b$/,
      );
    }
    assert.equal(write(good), plain(good));
  });

  it('does not take an empty credential for the one that was there', () => {
    const { write } = aWriter();
    write([['authorization', 'secret']]);
    assert.equal(write([['authorization', '']]), 'HEAD\r\nauthorization: \r\n');
    assert.equal(write([['authorization', 'other']]), 'HEAD\r\nauthorization: other\r\n');
  });

  it('goes on over the end of a slab', () => {
    const { writer, write } = aWriter();
    const pairs: Pairs = [
      ['a', 'x'.repeat(3000)],
      ['b', 'y'.repeat(3000)],
    ];
    const slabs = new Set();
    for (let i = 0; i < 20; i++) {
      assert.equal(write(pairs), plain(pairs));
      slabs.add(writer.slab);
    }
    assert.ok(slabs.size > 1);
  });
});
