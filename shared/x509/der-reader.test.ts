import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ok, type Result } from '#shared/runtime/result.ts';
import { DerReader, readDer } from './der-reader.ts';
import { encodeOid, encodeSequence, encodeTime, encodeUnsigned, encodeValue, tags } from './der-writer.ts';

const read = <T>(hex: string, reader: (r: DerReader) => T): Result<T> =>
  readDer('input', 'der', () => {
    const r = new DerReader(Buffer.from(hex, 'hex'));
    const value = reader(r);
    r.end('input');
    return ok(value);
  });
const messageOf = (result: Result<unknown>) => (result.ok ? 'accepted' : result.problems[0]?.message);

test('refuses whatever is BER but not DER, and says why', () => {
  const cases: [string, (r: DerReader) => unknown, string][] = [
    ['30800201000000', (r) => r.inside('x'), 'x: indefinite or oversized length'],
    ['30810105', (r) => r.inside('x'), 'x: length in more bytes than needed'],
    ['3082007f' + '00'.repeat(127), (r) => r.inside('x'), 'x: length in more bytes than needed'],
    ['3084000000020500', (r) => r.inside('x'), 'x: indefinite or oversized length'],
    ['3003020105ff', (r) => r.inside('x'), 'input: 1 bytes left over'],
    ['3005020105', (r) => r.inside('x'), 'x: ends before its length'],
    ['30', (r) => r.inside('x'), 'x: missing'],
    ['1f8101', (r) => r.any('x'), 'x: high tag number'],
    ['02020001', (r) => r.integer('x'), 'x: INTEGER with needless leading byte'],
    ['0202ff80', (r) => r.integer('x'), 'x: INTEGER with needless leading byte'],
    ['0200', (r) => r.integer('x'), 'x: empty INTEGER'],
    ['010101', (r) => r.optionalTrue('x'), 'x: not a DER TRUE'],
    ['03020708', (r) => r.bitString('x'), 'x: not a BIT STRING of whole bytes'],
    ['0603558003', (r) => r.oid('x'), 'x: OBJECT IDENTIFIER with padded arc'],
    ['06025580', (r) => r.oid('x'), 'x: OBJECT IDENTIFIER with padded arc'],
    ['06025581', (r) => r.oid('x'), 'x: incomplete OBJECT IDENTIFIER'],
    ['0600', (r) => r.oid('x'), 'x: incomplete OBJECT IDENTIFIER'],
    ['0609' + 'ff'.repeat(9), (r) => r.oid('x'), 'x: OBJECT IDENTIFIER with oversized arc'],
    ['0500', (r) => r.integer('x'), 'x: expected tag 0x2, got 0x5'],
  ];
  assert.deepEqual(
    cases.map(([hex, reader]) => messageOf(read(hex, reader))),
    cases.map(([, , message]) => message),
  );
});

test('reads back what the writer wrote, at every width of a length', () => {
  for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const content = Buffer.alloc(size, 7);
    const result = read(encodeValue(tags.octetString, content).toString('hex'), (r) => r.any('x').content);
    assert.deepEqual(result, { ok: true, value: content, warnings: [] });
  }
});

test('object identifiers go there and back', () => {
  for (const oid of ['2.5.29.17', '1.2.840.10045.3.1.7', '1.3.6.1.5.5.7.3.1', '2.999.3', '0.9.2342', '1.3.132.0.34'])
    assert.deepEqual(
      read(encodeOid(oid).toString('hex'), (r) => r.oid('x')),
      { ok: true, value: oid, warnings: [] },
    );
});

test('integers are written in the fewest bytes and positive', () => {
  const hex = (bytes: number[]) => encodeUnsigned(Buffer.from(bytes)).toString('hex');
  assert.deepEqual([hex([0]), hex([0, 0, 1]), hex([0x80]), hex([0, 0x7f])], ['020100', '020101', '02020080', '02017f']);
});

test('times are UTCTime until 2049 and GeneralizedTime after it', () => {
  const text = (iso: string) => encodeTime(Date.parse(iso)).subarray(2).toString();
  assert.equal(text('2049-12-31T23:59:59.900Z'), '491231235959Z');
  assert.equal(text('2050-01-01T00:00:00Z'), '20500101000000Z');
});

test('no bytes make the reader throw anything but its named problem', () => {
  const walk = (r: DerReader): void => {
    while (!r.isAtEnd) {
      const { tag, content } = r.any('x');
      if (tag === tags.sequence) walk(new DerReader(content));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const nested = encodeSequence(Buffer.from(bytes));
      const result = read(nested.toString('hex'), walk);
      assert.ok(result.ok || result.problems[0]?.code === 'der');
    }),
    { numRuns: 2000, seed: 1 },
  );
});
