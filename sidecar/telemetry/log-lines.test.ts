import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogLines } from './log-lines.ts';

test('text is UTF-8, of whatever length and however little room there was', () => {
  const texts = [
    '',
    'plain',
    'caf\u00e9',
    '\u20ac 5',
    'x'.repeat(47) + '\u00ff',
    '\u{1f600}'.repeat(40),
    'y'.repeat(500),
  ];
  const lines = new LogLines(Buffer.alloc(3));
  for (const text of texts) lines.text(text);
  assert.equal(lines.bytes.toString(), texts.join(''));
  assert.equal(lines.length, Buffer.byteLength(texts.join('')));
});

test('numbers are written as JavaScript writes them', () => {
  const numbers = [0, 7, 10, 99, 100, 12_345, 0x3fff_ffff, 0x4000_0000, 2 ** 40, -1, 1.5, NaN];
  const lines = new LogLines(Buffer.alloc(1));
  for (const number of numbers) {
    lines.number(number);
    lines.text(' ');
  }
  assert.equal(lines.bytes.toString(), numbers.map((number) => `${number} `).join(''));
});

test('what was given out stays when other memory is taken', () => {
  const lines = new LogLines(Buffer.alloc(8));
  lines.raw(Buffer.from('one\n'));
  const { bytes } = lines;
  lines.restart(Buffer.alloc(8));
  lines.text('two\n');
  assert.deepEqual([bytes.toString(), lines.bytes.toString()], ['one\n', 'two\n']);
});
