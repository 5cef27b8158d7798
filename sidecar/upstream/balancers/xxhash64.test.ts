import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmurHash2 } from './murmur-hash.ts';
import { xxHash64 } from './xxhash64.ts';

test('xxHash64 gives the reference values for seeds 0 and 1', () => {
  const vectors: [string, bigint, bigint][] = [
    ['', 0xef46db3751d8e999n, 0xd5afba1336a3be4bn],
    ['a', 0xd24ec4f1a98c6e5bn, 0xdec2bc81c3cd46c6n],
    ['abc', 0x44bc2cf5ad770999n, 0xbea9ca8199328908n],
    ['foobar', 0xa2aa05ed9085aaf9n, 0xf83230d70d4ca00en],
    ['127.0.0.1:80_0', 0x4bb2f57cda42c065n, 0xbbbac2881432d35cn],
    ['0123456789abcdef0123456789abcdef', 0x642a94958e71e6c5n, 0x48b8b580878a4a4n],
    ['The quick brown fox jumps over the lazy dog, twice and once more.', 0x31711bf882b89d4fn, 0xebb431af86efc1bbn],
  ];
  for (const [text, zero, one] of vectors) {
    assert.equal(xxHash64(text), zero, text);
    assert.equal(xxHash64(Buffer.from(text), 1n), one, text);
  }
});

test('xxHash64 reads a view into a larger buffer from its own offset', () => {
  assert.equal(xxHash64(Buffer.from('__abc__').subarray(2, 5)), xxHash64('abc'));
});

test('murmurHash2 gives what std::hash<std::string> gives', () => {
  const vectors: [string, bigint][] = [
    ['', 0x553e93901e462a6en],
    ['a', 0x454ddee488c1ed6bn],
    ['abc', 0x32d82bf8ed3dba39n],
    ['foobar', 0xdf632c12592db33n],
    ['127.0.0.1:80_0', 0xf46ef02bbe939e15n],
    ['0123456789abcdef0123456789abcdef', 0x3f2891b011c42d97n],
  ];
  for (const [text, hash] of vectors) assert.equal(murmurHash2(text), hash, text);
});
