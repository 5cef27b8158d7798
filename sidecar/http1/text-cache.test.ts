import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { lowerTextOf, textOf } from './text-cache.ts';

test('is always the text of the octets, whatever was asked for before', () => {
  const octets = fc.array(fc.oneof(fc.constantFrom(...Buffer.from('aA0-')), fc.integer({ min: 0, max: 255 })), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(fc.array(octets, { maxLength: 20 }), fc.nat(3), (all, offset) => {
      for (const each of [...all, ...all]) {
        const bytes = Buffer.from([...Array.from({ length: offset }, () => 0x21), ...each, 0x21]);
        const text = bytes.toString('latin1', offset, offset + each.length);
        assert.equal(textOf(bytes, offset, offset + each.length), text);
        const lower = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
        if (/^[\0-\x7f]*$/.test(text)) assert.equal(lowerTextOf(bytes, offset, offset + each.length), lower);
      }
    }),
  );
});

test('texts that differ by case alone do not stand for each other', () => {
  const upper = Buffer.from('Content-Type');
  const lower = Buffer.from('content-type');
  for (let i = 0; i < 2; i++) {
    assert.equal(textOf(upper, 0, 12), 'Content-Type');
    assert.equal(lowerTextOf(upper, 0, 12), 'content-type');
    assert.equal(textOf(lower, 0, 12), 'content-type');
    assert.equal(lowerTextOf(lower, 0, 12), 'content-type');
  }
});
