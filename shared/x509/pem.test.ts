import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePem, encodePem, selectPem } from './pem.ts';

const one = encodePem('CERTIFICATE', Buffer.from('one'));
const two = encodePem('CERTIFICATE', Buffer.alloc(200, 2));
const key = encodePem('PRIVATE KEY', Buffer.from('key'));

test('blocks are read in order, with comments around them and any line ends', () => {
  const text = `subject: x\n${one}\nbetween\n${two}`.replaceAll('\n', '\r\n');
  const blocks = decodePem(text, 'CERTIFICATE', 'file');
  assert.ok(blocks.ok);
  assert.deepEqual(blocks.value, [Buffer.from('one'), Buffer.alloc(200, 2)]);
});

test('lines are 64 characters at most', () => {
  assert.ok(two.split('\n').every((line) => line.length <= 64));
});

test('what is wrong is told with its place', () => {
  const codes = (text: string) => {
    const blocks = decodePem(text, 'CERTIFICATE', 'file');
    return blocks.ok ? [] : blocks.problems.map(({ path, code }) => `${path} ${code}`);
  };
  assert.deepEqual(codes(''), ['file pem_missing']);
  assert.deepEqual(codes(one + key), ['file[1] pem_label']);
  assert.deepEqual(codes(one + two.slice(0, -5)), ['file pem_malformed']);
  assert.deepEqual(codes(one.replace('b25l', 'b25')), ['file[0] pem_base64']);
  assert.deepEqual(codes(one.replace('b25l', 'b2=l')), ['file[0] pem_base64']);
  assert.deepEqual(codes(one.replace('b25l', '')), ['file[0] pem_base64']);
});

test('blocks of one label are picked out of a file of several', () => {
  assert.equal(selectPem(key + one + two, 'CERTIFICATE'), one + two);
  assert.equal(selectPem(key + one + two, 'PRIVATE KEY'), key);
});

test('many openings without an end are read in no time', () => {
  const start = performance.now();
  assert.equal(decodePem('-----BEGIN CERTIFICATE-----\n'.repeat(20_000), 'CERTIFICATE', 'file').ok, false);
  assert.ok(performance.now() - start < 1000);
});
