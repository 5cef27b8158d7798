import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AddedLines } from './added-lines.ts';
import { ByteWriter } from './byte-writer.ts';
import { HeaderMap } from './header-map.ts';
import { readRequests } from './messages.fixture.ts';

const encode = (map: HeaderMap) => {
  const writer = new ByteWriter();
  writer.begin(map.maxEncodedBytes);
  map.encode(writer, new AddedLines());
  return writer.finish().toString('latin1');
};
const received = (lines: string) => readRequests(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`).messages[0]!.head.headers;

describe('HeaderMap', () => {
  it('gives received lines back as they came', () => {
    const lines = 'Accept: */*\r\nX-One: 1\r\nx-one: 2\r\nEmpty: \r\n';
    assert.equal(encode(received(lines)), lines);
  });

  it('removes and replaces lines that were added, more than there is room for', () => {
    const pairs = Array.from({ length: 20 }, (_, i): [string, string] => [`x-${i % 10}`, `${i}`]);
    const map = HeaderMap.from(pairs);
    assert.equal(map.remove('x-3'), true);
    map.set('x-5', 'five');
    map.add('last', '1');
    const expected = pairs.filter(([name], i) => name !== 'x-3' && !(name === 'x-5' && i > 9));
    const values = expected.map(([name, value]) => [name, name === 'x-5' ? 'five' : value]);
    assert.deepEqual(map.entries(), [...values, ['last', '1']]);
    assert.deepEqual([map.size, map.getJoined('x-4'), map.getJoined('x-3')], [18, '4,14', undefined]);
  });

  it('replaces and removes lines of one name, received and added, at once', () => {
    const map = received('A: 1\r\nB: 2\r\nA: 3\r\n');
    map.add('a', '4');
    assert.equal(map.getJoined('a'), '1,3,4');
    assert.deepEqual([map.says('b', '2'), map.says('a', '1')], [true, false]);
    map.set('a', '5');
    assert.deepEqual(
      [map.entries(), map.size, map.says('a', '5')],
      [
        [
          ['a', '5'],
          ['b', '2'],
        ],
        2,
        true,
      ],
    );
    map.add('a', '6');
    assert.equal(map.remove('a'), true);
    assert.deepEqual([map.entries(), map.has('a')], [[['b', '2']], false]);
  });

  it('writes lines with odd blanks in canonical form', () => {
    assert.equal(
      encode(received('A:1\r\nB:  2\r\nC: 3 \r\nD:\t4\r\nE: 5\r\n')),
      'A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n',
    );
  });

  it('looks names up in any case on the wire, the first line first', () => {
    const map = received('X-One: 1\r\nX-ONE: 2\r\n');
    assert.deepEqual([map.get('x-one'), map.getJoined('x-one'), map.size], ['1', '1,2', 2]);
    assert.deepEqual([map.get('x-two'), map.getJoined('x-two'), map.has('x-one')], [undefined, undefined, true]);
  });

  it('knows whether some name starts with a prefix, received or added, and forgets removed lines', () => {
    const map = received('X-Envoy-Internal: 1\r\nX-Env: 2\r\n');
    assert.deepEqual([map.hasPrefix('x-envoy-'), map.hasPrefix('x-envoz')], [true, false]);
    map.remove('x-envoy-internal');
    assert.equal(map.hasPrefix('x-envoy-'), false);
    map.add('x-envoy-max-retries', '1');
    assert.equal(map.hasPrefix('x-envoy-'), true);
  });

  it('sets in place, keeping the spelling, and drops further lines of the name', () => {
    const map = received('X-One: 1\r\nY: 0\r\nx-one: 2\r\nZ: 9\r\n');
    map.set('x-one', '3');
    map.set('new', '4');
    assert.equal(encode(map), 'X-One: 3\r\nY: 0\r\nZ: 9\r\nnew: 4\r\n');
    assert.equal(map.size, 4);
  });

  it('removes and adds', () => {
    const map = received('A: 1\r\nB: 2\r\nA: 3\r\n');
    assert.deepEqual([map.remove('a'), map.remove('a')], [true, false]);
    map.add('a', '4');
    map.add('a', '5');
    assert.deepEqual(map.entries(), [
      ['b', '2'],
      ['a', '4'],
      ['a', '5'],
    ]);
    assert.equal(map.size, 3);
  });

  it('clones are independent', () => {
    const map = received('A: 1\r\n');
    map.add('b', '2');
    const copy = map.clone();
    copy.set('a', '9');
    copy.add('c', '3');
    map.remove('b');
    assert.deepEqual(map.entries(), [['a', '1']]);
    assert.deepEqual(copy.entries(), [
      ['a', '9'],
      ['b', '2'],
      ['c', '3'],
    ]);
  });

  it('is made from pairs', () => {
    const map = HeaderMap.from([
      ['Content-Type', 'text/plain'],
      ['X', ''],
    ]);
    assert.equal(encode(map), 'content-type: text/plain\r\nx: \r\n');
  });

  it('never writes what would split the message', () => {
    for (const value of ['a\r\nb: c', 'a\nb', 'a\0b', '\u010a', '\u0d0a', 'a\rb']) {
      assert.throws(() => encode(HeaderMap.from([['x', value]])), /not a field value: .* of x$/);
      const changed = received('Y: 1\r\n');
      changed.set('y', value);
      assert.throws(() => encode(changed), /not a field value: .* of y$/);
    }
    for (const name of ['', 'a b', 'a:', 'a\r\nb', '\u0161']) {
      assert.throws(() => encode(HeaderMap.from([[name, '1']])), /not a field name/);
    }
  });

  it('leaves out added fields that frame the message', () => {
    const map = HeaderMap.from([
      ['transfer-encoding', 'chunked'],
      ['connection', 'x'],
      ['host', 'b'],
      ['a', '1'],
    ]);
    assert.equal(encode(map), 'a: 1\r\n');
  });

  it('shares nothing with the buffer it was read from', () => {
    const map = received('A: 1\r\nB: 2\r\n');
    assert.equal(map.get('b'), '2');
  });
});
