import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aDecoder, decodeBlock, octets } from './blocks.fixture.ts';
import { faults } from './faults.ts';

/** `count` fields `x: 0...0` with a value of 31 octets, each an entry of 64 octets. */
const entries = (count: number) => octets(`4001781f${'30'.repeat(31)}`.repeat(count));

const indexed = (index: number) => (index < 127 ? [0x80 | index] : [0xff, index - 127]);

describe('a malformed header block is refused', () => {
  const table: readonly [what: string, hex: string, fault: string][] = [
    ['index 0', '80', faults.indexZero],
    ['an index with no entry behind it', 'be', faults.indexUnknown],
    ['an index far beyond the tables', 'ffffffffff0f', faults.indexUnknown],
    ['an index of a name with no entry behind it', '7f0000', faults.indexUnknown],
    ['the same without indexing', '0f3000', faults.indexUnknown],
    ['the same, never to be indexed', '1f3000', faults.indexUnknown],
    ['an integer cut at its first octet', 'ff', faults.integerCut],
    ['an integer cut later', 'ff8080', faults.integerCut],
    ['an integer that never ends', `ff${'80'.repeat(1000)}`, faults.integerLong],
    ['an integer padded to six octets', 'ff808080808000', faults.integerLong],
    ['the length of a name that never ends', `407f${'ff'.repeat(1000)}`, faults.integerLong],
    ['a huge table size', `3f${'ff'.repeat(9)}01`, faults.integerLong],
    ['no name', '40', faults.stringCut],
    ['no value', '41', faults.stringCut],
    ['a name cut short', '40026e', faults.stringCut],
    ['a value cut short', '410361', faults.stringCut],
    ['a value cut short that is coded', '418361', faults.stringCut],
    ['the length of a value cut short', '417f', faults.integerCut],
    ['a value of 4 GB', '417f80ffffff0f', faults.stringCut],
    ['a name in malformed Huffman code', '4081ff00', faults.huffmanPadding],
    ['a value in malformed Huffman code', '418118', faults.huffmanPadding],
    ['a value that contains EOS', '4184ffffffff', faults.huffmanEos],
    ['a table size behind a field', '8220', faults.updateLate],
    ['a table size above ours', '3fe21f', faults.updateLarge],
    ['a table size above ours, behind one that is not', '203fe21f', faults.updateLarge],
    ['a table size cut short', '3f', faults.integerCut],
  ];
  for (const [what, hex, fault] of table) {
    it(what, () => assert.equal(decodeBlock(aDecoder(), octets(hex)).fault, fault));
  }

  it('after the fields before the fault were told', () => {
    const { fault, lines } = decodeBlock(aDecoder(), octets('828680'));
    assert.deepEqual([fault, lines], [faults.indexZero, [':method: GET', ':scheme: http']]);
  });
});

describe('the header block decoder', () => {
  it('takes an empty block', () => {
    assert.deepEqual(decodeBlock(aDecoder(), octets('')), { fault: null, lines: [], sensitive: [], listBytes: 0 });
  });

  it('takes octets that are no Buffer', () => {
    const lines: string[] = [];
    const bytes = Uint8Array.from([0, 0x82, 0x41, 0x01, 0x61, 0]);
    aDecoder().decode(bytes.subarray(1), 0, 4, { onField: (name, value) => lines.push(`${name}: ${value}`) });
    assert.deepEqual(lines, [':method: GET', ':authority: a']);
  });

  it('takes integers that are padded, up to five octets', () => {
    assert.deepEqual(decodeBlock(aDecoder(), octets('7f8280808000 00')).fault, faults.indexUnknown);
    assert.deepEqual(decodeBlock(aDecoder(), octets('0f80808080 00 00')).lines, ['accept-charset: ']);
  });

  it('gives names and values as the octets that they are', () => {
    const { lines } = decodeBlock(aDecoder(), octets('40034eff00 04c3bc0a20'));
    assert.deepEqual(lines, ['N\xff\0: Ã¼\n ']);
  });

  it('counts the size of the header list', () => {
    const decoder = aDecoder();
    assert.equal(decodeBlock(decoder, octets('82864101 61')).listBytes, 10 + 32 + 11 + 32 + 11 + 32);
    assert.equal(decodeBlock(decoder, octets('be')).listBytes, 11 + 32);
    assert.equal(decodeBlock(decoder, octets('')).listBytes, 0);
  });

  it('makes the strings of an entry once, whatever the number of its hits', () => {
    const decoder = aDecoder();
    const values: string[] = [];
    decodeBlock(decoder, octets(`4001787fa11e${'61'.repeat(4000)}`));
    const block = Buffer.alloc(20_000, 0xbe);
    const before = process.memoryUsage().heapUsed;
    const fault = decoder.decode(block, 0, block.length, { onField: (_name, value) => void values.push(value) });
    assert.deepEqual([fault, values.length, values.at(-1)?.length], [null, 20_000, 4000]);
    assert.ok(process.memoryUsage().heapUsed - before < 8_000_000);
    assert.equal(decoder.listBytes, 20_000 * 4033);
  });

  it('says of each field whether it is never to be indexed', () => {
    const { lines, sensitive } = decodeBlock(aDecoder(), octets('1001610162 4001630164 82 1f080165 00016600'));
    assert.deepEqual(lines, ['a: b', 'c: d', ':method: GET', 'authorization: e', 'f: ']);
    assert.deepEqual(sensitive, ['a', 'authorization']);
  });
});

describe('the dynamic table of a decoder', () => {
  it('evicts the oldest entries', () => {
    const decoder = aDecoder();
    assert.equal(decodeBlock(decoder, octets('410161')).fault, null);
    assert.equal(decodeBlock(decoder, entries(63)).fault, null);
    assert.deepEqual(decodeBlock(decoder, octets('fd')).fault, null);
    assert.deepEqual(decodeBlock(decoder, octets('ff00')).fault, faults.indexUnknown);
  });

  it('holds as many entries as fit, in order', () => {
    const decoder = aDecoder();
    const names = Array.from({ length: 200 }, (_, i) => String(i));
    for (const name of names) {
      const hex = Buffer.from(name).toString('hex');
      assert.equal(decodeBlock(decoder, octets(`400${name.length}${hex}00`)).fault, null);
    }
    const at = (position: number) => decodeBlock(decoder, Uint8Array.from(indexed(61 + position)));
    // The newest 100 take 35 octets each; 17 of 34 have room beside them.
    for (let position = 1; position <= 117; position++) assert.deepEqual(at(position).lines, [`${200 - position}: `]);
    assert.equal(at(118).fault, faults.indexUnknown);
  });

  it('keeps an entry for a name that its own eviction takes away', () => {
    const decoder = aDecoder();
    decodeBlock(decoder, octets('3f21'));
    decodeBlock(decoder, octets('40016100'));
    const { lines } = decodeBlock(decoder, octets('7e0162be'));
    assert.deepEqual(lines, ['a: b', 'a: b']);
  });

  it('is emptied by an entry larger than it, which is told nevertheless', () => {
    const decoder = aDecoder();
    decodeBlock(decoder, octets('3f1f 40016100'));
    const { fault, lines } = decodeBlock(decoder, octets(`400162 1f${'63'.repeat(31)}`));
    assert.deepEqual([fault, lines], [null, [`b: ${'c'.repeat(31)}`]]);
    assert.equal(decodeBlock(decoder, octets('be')).fault, faults.indexUnknown);
  });

  it('obeys size updates, several of them too', () => {
    const decoder = aDecoder();
    decodeBlock(decoder, octets('40016100 40016200'));
    assert.deepEqual(decodeBlock(decoder, octets('3f03 3fe11f be')).lines, ['b: ']);
    assert.equal(decodeBlock(decoder, octets('bf')).fault, faults.indexUnknown);
    assert.equal(decodeBlock(decoder, octets('20 3fe11f be')).fault, faults.indexUnknown);
  });

  it('is used at its default size by a peer that does not know our smaller one yet', () => {
    const decoder = aDecoder(0);
    assert.deepEqual(decodeBlock(decoder, octets('40016100 be')).lines, ['a: ', 'a: ']);
    assert.deepEqual(decodeBlock(decoder, octets('20 40016100')).lines, ['a: ']);
    assert.equal(decodeBlock(decoder, octets('be')).fault, faults.indexUnknown);
    assert.equal(decodeBlock(decoder, octets('21')).fault, faults.updateLarge);
  });

  it('grows to our size when the peer says so', () => {
    const decoder = aDecoder(65_536);
    decodeBlock(decoder, entries(100));
    assert.equal(decodeBlock(decoder, octets('ff00')).fault, faults.indexUnknown);
    decodeBlock(decoder, Buffer.concat([octets('3fe1ff03'), entries(1024)]));
    assert.equal(decodeBlock(decoder, octets('ffbe07')).fault, null);
    assert.equal(decodeBlock(decoder, octets('ffbf07')).fault, faults.indexUnknown);
  });
});
