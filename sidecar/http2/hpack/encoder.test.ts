import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { aDecoder, decodeBlock, encodeBlock, octets, type Lines } from './blocks.fixture.ts';
import { HpackEncoder } from './encoder.ts';

const hexOf = (encoder: HpackEncoder, ...lines: Lines) => encodeBlock(encoder, lines).toString('hex');

/** How a field is represented (RFC 7541 6), by its first octet. */
function kindOf(block: Buffer): string {
  const octet = block[0] ?? 0;
  if (octet >= 0x80) return 'indexed';
  if (octet >= 0x40) return 'enters';
  return octet >= 0x10 ? 'never' : 'literal';
}

/** How an encoder represents a field each time that it is sent. */
const kindsOf = (encoder: HpackEncoder, ...lines: Lines) =>
  lines.map((line) => kindOf(encodeBlock(encoder, [line]))).join(' ');

describe('the header block encoder', () => {
  it('makes an empty block of no fields', () => {
    assert.equal(hexOf(new HpackEncoder()), '');
  });

  it('uses the static table where it has the field', () => {
    assert.equal(
      hexOf(new HpackEncoder(), ':method: POST', ':path: /', ':status: 404', 'accept-encoding: gzip, deflate'),
      '83848d90',
    );
  });

  it('uses names of both tables', () => {
    const hex = hexOf(new HpackEncoder(), ':status: 418', 'x: 1', 'x: 2');
    assert.equal(hex, '480334313840017801317e0132');
  });

  it('writes a string in Huffman code where that is shorter, else as it is', () => {
    assert.equal(hexOf(new HpackEncoder(), 'server: aaaaaaaa'), '768518c6318c63');
    assert.equal(hexOf(new HpackEncoder(), 'server: a'), '760161');
    assert.equal(hexOf(new HpackEncoder(), 'server: \xff\xfe\0'), '7603fffe00');
    assert.equal(hexOf(new HpackEncoder(), 'server: '), '7600');
  });

  it('writes long strings, coded or not', () => {
    for (const text of ['a', '\xff', 'a\xff', '~'].flatMap((unit) =>
      [126, 127, 128, 129, 300, 100_000].map((n) => unit.repeat(n)),
    )) {
      const { fault, lines } = decodeBlock(
        aDecoder(),
        encodeBlock(new HpackEncoder(), [`server: ${text}`, ':method: GET']),
      );
      assert.equal(fault, null);
      assert.ok(lines[0] === `server: ${text}` && lines[1] === ':method: GET');
    }
  });

  it('refuses what is no octet, and does not show it', () => {
    for (const value of ['sécret\u0100', `${'a'.repeat(200)}\u0100`]) {
      const encoder = new HpackEncoder();
      encoder.begin();
      assert.throws(
        () => encoder.field('authorization', value),
        /^AssertionError.*: not a byte string: it has a character above U\+00FF$/,
      );
    }
  });

  it('refuses to finish a block after another was begun', () => {
    const [one, other] = [new HpackEncoder(), new HpackEncoder()];
    one.begin();
    other.begin();
    assert.throws(() => one.finish(), /another header block was begun/);
    other.finish();
  });
});

describe('which fields enter the table', () => {
  const table: readonly [what: string, lines: Lines, kinds: string][] = [
    [
      'most, when first sent',
      ['user-agent: a', 'user-agent: a', 'x-own: b', 'x-own: b'],
      'enters indexed enters indexed',
    ],
    ['a path, once it repeats', [':path: /a', ':path: /b', ':path: /a', ':path: /a'], 'literal literal enters indexed'],
    [
      'an identifier, for its name',
      ['x-request-id: 1', 'x-request-id: 2', 'x-request-id: 2'],
      'enters literal literal',
    ],
    [
      'a value that may repeat, for its name',
      ['grpc-timeout: 1m', 'grpc-timeout: 2m', 'grpc-timeout: 2m'],
      'enters literal enters',
    ],
    ['no credentials', ['authorization: a', 'authorization: a', 'set-cookie: a=b'], 'never never never'],
    [
      'no short cookie',
      ['cookie: a=b', 'cookie: a=bcdefghijklmnopqrst', 'cookie: a=bcdefghijklmnopqrst'],
      'never enters indexed',
    ],
    [
      'nothing that would take more than three quarters',
      [`x: ${'a'.repeat(3039)}`, `x: ${'a'.repeat(3040)}`],
      'enters literal',
    ],
    ['an empty value that the static table lacks', [':path: ', 'x: ', 'x: '], 'literal enters indexed'],
    ['an empty value that it has', ['date: '], 'enters'],
  ];
  for (const [what, lines, kinds] of table) {
    it(what, () => assert.equal(kindsOf(new HpackEncoder(), ...lines), kinds));
  }

  it('nothing that is sensitive, even if the table has it', () => {
    const encoder = new HpackEncoder();
    encodeBlock(encoder, ['x-key: 1', ':method: GET']);
    encoder.begin();
    encoder.field('x-key', '1', true);
    encoder.field(':method', 'GET', true);
    const { lines, sensitive } = decodeBlock(
      aDecoder(),
      Buffer.concat([octets('4005782d6b65790131'), encoder.finish()]),
    );
    assert.deepEqual(lines, ['x-key: 1', 'x-key: 1', ':method: GET']);
    assert.deepEqual(sensitive, ['x-key', ':method']);
  });

  it('several values of a name, each with its index', () => {
    const encoder = new HpackEncoder();
    const lines = ['x: 1', 'x: 2', 'x: 3'];
    assert.equal(kindsOf(encoder, ...lines, ...lines), 'enters enters enters indexed indexed indexed');
    assert.equal(hexOf(encoder, 'x: 1', 'x: 2', 'x: 3', 'x: 4'), 'c0bfbe7e0134');
  });

  it('again, after their entry was evicted', () => {
    const encoder = new HpackEncoder();
    const decoder = aDecoder();
    for (let i = 0; i < 3000; i++) {
      const lines = [
        `x: ${i % 7}`,
        `y-${i % 150}: ${i}`,
        `y-${i % 11}: ${i % 13}`,
        `x-request-id: ${i}`,
        `:path: /${i % 40}`,
      ];
      const { fault, lines: decoded } = decodeBlock(decoder, encodeBlock(encoder, lines));
      assert.deepEqual([fault, decoded], [null, lines]);
    }
  });
});

describe("the peer's table size", () => {
  const sizes: readonly [what: string, own: number | null, peer: readonly number[], hex: string][] = [
    ['is the default one at first', null, [], ''],
    ['needs no update if ours is what it was', null, [8192, 4096, 65_536], ''],
    ['shrinks ours', null, [1024], '3fe107'],
    ['takes ours away', null, [0], '20'],
    ['lets ours grow', 8192, [65_536], '3fe13f'],
    ['shrinks ours and lets it grow again: both are said', null, [0, 4096], '203fe11f'],
    ['is said in its minimum and its last value', 65_536, [8192, 100, 200, 50, 2000, 1000], '3f133fc907'],
    ['is said once, if the last is the minimum', 65_536, [8192, 2000, 1000], '3fc907'],
    ['is undercut by us from the first block on', 1000, [], '3fc907'],
    ['is undercut by us to nothing', 0, [8192], '20'],
  ];
  for (const [what, own, peer, hex] of sizes) {
    it(what, () => {
      const encoder = new HpackEncoder(own === null ? {} : { maxTableBytes: own });
      for (const bytes of peer) encoder.setPeerTableSize(bytes);
      assert.equal(hexOf(encoder), hex);
      assert.equal(hexOf(encoder), '');
      assert.equal(hexOf(encoder, ':method: GET'), '82');
    });
  }

  it('evicts what has no room in the smallest', () => {
    const encoder = new HpackEncoder();
    const decoder = aDecoder();
    decodeBlock(decoder, encodeBlock(encoder, ['a: 1', 'b: 2']));
    encoder.setPeerTableSize(40);
    encoder.setPeerTableSize(4096);
    const block = encodeBlock(encoder, ['b: 2', 'a: 1']);
    assert.equal(block.toString('hex'), '3f093fe11fbe4001610131');
    assert.deepEqual(decodeBlock(decoder, block).lines, ['b: 2', 'a: 1']);
  });

  it('of nothing lets no field enter', () => {
    const encoder = new HpackEncoder({ maxTableBytes: 0 });
    assert.equal(hexOf(encoder), '20');
    assert.equal(
      kindsOf(encoder, 'a: 1', 'a: 1', 'x-request-id: 1', ':path: /a', ':path: /a'),
      'literal literal literal literal literal',
    );
  });
});

describe('blocks that are much like the last one', () => {
  const names = [':path', 'accept', 'x-request-id', 'grpc-timeout', 'authorization', 'cookie', 'x-a', 'x-b', 'date'];
  const values = ['', 'a', 'b', 'a-value-of-more-than-twenty-octets', '/echo.Echo/Unary', '\xff'.repeat(30)];

  it('say what they are made of, whatever was in their places before, and whatever became of the table', () => {
    const random = seededRandom(11);
    const below = (count: number) => Math.floor(random() * count);
    const encoder = new HpackEncoder();
    const decoder = aDecoder();
    const lines: Record<'head' | 'trailers', string[]> = { head: [], trailers: [] };
    const aLine = () => `${names[below(names.length)]}: ${values[below(values.length)]}`;
    for (let i = 0; i < 5000; i++) {
      const kind = below(3) === 0 ? 'trailers' : 'head';
      const block = lines[kind];
      // Mostly as it was; now and then a line more, less, or another.
      if (below(4) === 0) block.splice(below(block.length + 1), below(2), ...(below(2) === 0 ? [aLine()] : []));
      if (block.length > 12) block.length = 2;
      if (below(100) === 0) encoder.setPeerTableSize([0, 64, 200, 4096][below(4)] ?? 0);
      const isSensitive = below(20) === 0;
      encoder.begin(kind);
      for (const line of block) {
        const colon = line.indexOf(': ', 1);
        encoder.field(line.slice(0, colon), line.slice(colon + 2), isSensitive);
      }
      const { fault, lines: decoded, sensitive } = decodeBlock(decoder, Buffer.from(encoder.finish()));
      assert.equal(fault, null);
      assert.deepEqual(decoded, block);
      if (isSensitive) assert.equal(sensitive.length, block.length);
    }
  });

  it('take an octet for each field that has an index, once they are in the table', () => {
    const encoder = new HpackEncoder();
    const block = [':method: POST', ':path: /a', 'x-a: 1', 'x-b: 2'];
    for (let i = 0; i < 3; i++) encodeBlock(encoder, block);
    assert.equal(encodeBlock(encoder, block).length, block.length);
    assert.equal(encodeBlock(encoder, block.slice(1)).length, block.length - 1);
  });
});
