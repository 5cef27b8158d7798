import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { octets } from './blocks.fixture.ts';
import { faults } from './faults.ts';
import { HuffmanDecoder } from './huffman-decoder.ts';
import { encodeHuffman, huffmanBytes } from './huffman-encoder.ts';

const decoder = new HuffmanDecoder();

function encode(text: string): Buffer {
  const bytes = Buffer.alloc(text.length * 4 + 1);
  const end = encodeHuffman(text, bytes, 1);
  assert.equal(end - 1, huffmanBytes(text));
  return bytes.subarray(1, end);
}

describe('Huffman code', () => {
  it('comes back as it was, for each octet behind and before each other', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        const text = String.fromCharCode(first, second, first);
        const bytes = encode(text);
        assert.equal(decoder.decode(bytes, 0, bytes.length), text);
      }
    }
  });

  it('comes back as it was, longer than the memory that is kept', () => {
    const text = 'aeiou\xff\n'.repeat(30_000);
    const bytes = encode(text);
    assert.equal(decoder.decode(bytes, 0, bytes.length), text);
    assert.equal(decoder.decode(bytes, 0, 0), '');
  });

  it('is of octets only', () => {
    assert.equal(huffmanBytes('\u0100'), -1);
    assert.equal(encodeHuffman('\u0100', Buffer.alloc(8), 0), -1);
  });

  const malformed: readonly [what: string, hex: string, fault: string][] = [
    ['padding of zeros', '18', faults.huffmanPadding],
    ['padding with a zero in it', '1e', faults.huffmanPadding],
    ['padding of eight bits', '1fff', faults.huffmanPadding],
    ['padding alone, of eight bits', 'ff', faults.huffmanPadding],
    ['a code cut short', 'fff8', faults.huffmanPadding],
    ['EOS', 'ffffffff', faults.huffmanEos],
    ['EOS behind a symbol', '1fffffffff', faults.huffmanEos],
    ['EOS before a symbol', 'fffffffc1f', faults.huffmanEos],
  ];
  for (const [what, hex, fault] of malformed) {
    it(`${what} is refused`, () => {
      const bytes = octets(hex);
      assert.equal(decoder.decode(bytes, 0, bytes.length), null);
      assert.equal(decoder.fault, fault);
    });
  }

  it('is padded by seven ones at most', () => {
    for (const text of ['00000000', 'a', 'b0', ':a', 'X', 'X0', ';:', '\n', '']) {
      const bytes = encode(text);
      assert.equal(decoder.decode(bytes, 0, bytes.length), text);
    }
  });
});
