import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BlockReader } from './block-reader.ts';
import { BlockWriter } from './block-writer.ts';
import { aDecoder, decodeBlock, encodeBlock, octets, type Lines } from './blocks.fixture.ts';
import { HpackEncoder } from './encoder.ts';
import { codeBits, codes } from './huffman-code.ts';
import { staticCount, staticFields, staticNames } from './static-table.ts';

/** RFC 7541 C.1: prefix, value, octets. */
const integers: readonly [bits: number, value: number, hex: string][] = [
  [5, 10, '0a'],
  [5, 1337, '1f9a0a'],
  [8, 42, '2a'],
];

type Example = Readonly<{ name: string; tableBytes: number; blocks: readonly [hex: string, lines: Lines][] }>;

const request = (path: string, scheme: string, more: Lines = []): Lines => [
  ':method: GET',
  `:scheme: ${scheme}`,
  `:path: ${path}`,
  ':authority: www.example.com',
  ...more,
];
const requests: readonly Lines[] = [
  request('/', 'http'),
  request('/', 'http', ['cache-control: no-cache']),
  request('/index.html', 'https', ['custom-key: custom-value']),
];
const response = (status: number, seconds: number, more: Lines = []): Lines => [
  `:status: ${status}`,
  'cache-control: private',
  `date: Mon, 21 Oct 2013 20:13:${seconds} GMT`,
  'location: https://www.example.com',
  ...more,
];
const cookie = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const responses: readonly Lines[] = [
  response(302, 21),
  response(307, 21),
  response(200, 22, ['content-encoding: gzip', cookie]),
];

/** The blocks of several requests or responses in order. */
function blocks(lines: readonly Lines[], hex: readonly string[]): Example['blocks'] {
  return hex.map((each, i) => [each, lines[i] ?? []]);
}

const examples: readonly Example[] = [
  {
    name: 'C.2.1: a literal with indexing',
    tableBytes: 4096,
    blocks: [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key: custom-header']]],
  },
  {
    name: 'C.2.2: a literal without indexing',
    tableBytes: 4096,
    blocks: [['040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']]],
  },
  {
    name: 'C.2.3: a literal never indexed',
    tableBytes: 4096,
    blocks: [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']]],
  },
  { name: 'C.2.4: an indexed field', tableBytes: 4096, blocks: [['82', [':method: GET']]] },
  {
    name: 'C.3: requests without Huffman coding',
    tableBytes: 4096,
    blocks: blocks(requests, [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]),
  },
  {
    name: 'C.4: requests with Huffman coding',
    tableBytes: 4096,
    blocks: blocks(requests, [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]),
  },
  {
    name: 'C.5: responses without Huffman coding',
    tableBytes: 256,
    blocks: blocks(responses, [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ]),
  },
  {
    name: 'C.6: responses with Huffman coding',
    tableBytes: 256,
    blocks: blocks(responses, [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ]),
  },
];

describe('RFC 7541, appendix A', () => {
  it('has 61 entries', () => {
    assert.equal(staticCount, 61);
    assert.deepEqual(staticFields[1], { name: ':authority', value: '', note: 0 });
    assert.deepEqual(staticFields[16], { name: 'accept-encoding', value: 'gzip, deflate', note: 0 });
    assert.deepEqual(staticFields[32], { name: 'cookie', value: '', note: 0 });
    assert.deepEqual(staticFields[61], { name: 'www-authenticate', value: '', note: 0 });
    assert.equal(staticNames.size, 52);
    assert.deepEqual([staticNames.get(':status')?.index, staticNames.get(':status')?.values?.get('500')], [8, 14]);
  });
});

describe('RFC 7541, appendix B', () => {
  it('has a complete code', () => {
    assert.equal(codeBits.length, 257);
    assert.equal(
      codeBits.reduce((sum, bits) => sum + 2 ** -bits, 0),
      1,
    );
  });

  it('has these codes among others', () => {
    const some: readonly [symbol: number, code: number, bits: number][] = [
      [0, 0x1ff8, 13],
      [1, 0x7fffd8, 23],
      [47, 0x18, 6],
      [92, 0x7fff0, 19],
      [122, 0x7b, 7],
      [203, 0x7ffffde, 27],
      [249, 0xffffffe, 28],
      [255, 0x3ffffee, 26],
      [256, 0x3fffffff, 30],
    ];
    for (const [symbol, code, bits] of some) assert.deepEqual([codes[symbol], codeBits[symbol]], [code, bits]);
  });
});

describe('RFC 7541, appendix C', () => {
  for (const [bits, value, hex] of integers) {
    it(`C.1: ${value} behind a prefix of ${bits} bits`, () => {
      const mask = 2 ** bits - 1;
      const writer = new BlockWriter();
      const block = writer.begin();
      writer.integer(0, mask, value);
      assert.equal(writer.finish(block).toString('hex'), hex);
      const reader = new BlockReader();
      reader.begin(octets(hex), 0, hex.length / 2);
      assert.equal(reader.integer(mask), value);
      assert.equal(reader.isAtEnd, true);
    });
  }

  for (const { name, tableBytes, blocks } of examples) {
    it(`${name} is decoded`, () => {
      const decoder = aDecoder();
      if (tableBytes !== 4096) decodeBlock(decoder, octets('3fe101'));
      for (const [hex, lines] of blocks) {
        const { fault, lines: decoded } = decodeBlock(decoder, octets(hex));
        assert.deepEqual([fault, decoded], [null, lines]);
      }
    });
  }

  it('C.2.3 is told as sensitive', () => {
    const { sensitive } = decodeBlock(aDecoder(), octets('1008 7061 7373 776f 7264 0673 6563 7265 74'));
    assert.deepEqual(sensitive, ['password']);
  });

  it('C.4 is what the encoder makes of these requests', () => {
    const encoder = new HpackEncoder();
    for (const [hex, lines] of examples.find(({ name }) => name.startsWith('C.4'))?.blocks ?? []) {
      assert.equal(encodeBlock(encoder, lines).toString('hex'), octets(hex).toString('hex'));
    }
  });
});
