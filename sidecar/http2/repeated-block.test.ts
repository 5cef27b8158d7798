import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldSection } from './field-section.ts';
import { encodeBlock, type Lines } from './hpack/blocks.fixture.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { RepeatedBlock } from './repeated-block.ts';
import { pairsOf } from './session.fixture.ts';

const limits = { maxHeaderListBytes: 60_000, maxFields: 100, allowConnect: true };
const aCall: Lines = [
  ':method: POST',
  ':scheme: http',
  ':authority: a',
  ':path: /echo.Echo/Unary',
  'content-type: application/grpc',
];

/** Decodes as the input of a connection does; says what it found, and whether it had to decode. */
class Input {
  readonly decoder = new HpackDecoder({ maxTableBytes: 4096 });
  readonly last = new RepeatedBlock();
  readonly #decoded = new FieldSection();

  take(block: Buffer): { wasKnown: boolean; text: string; section: FieldSection } {
    const around = Buffer.concat([Buffer.from([1]), block, Buffer.from([1])]);
    const version = this.decoder.tableVersion;
    const known = this.last.find(around, 1, 1 + block.length, version);
    if (known !== null) return { wasKnown: true, text: textOf(known), section: known };
    const section = this.#decoded;
    section.begin('request', limits);
    assert.equal(this.decoder.decode(around, 1, 1 + block.length, section), null);
    section.finish();
    this.last.note(around, [1, 1 + block.length], section, [version, this.decoder.tableVersion]);
    return { wasKnown: false, text: textOf(section), section };
  }
}

function textOf(section: FieldSection): string {
  const { method, scheme, authority, path, contentLength } = section;
  const fields = pairsOf(section).map(([name, value]) => `${name}: ${value}`);
  return [method, scheme, authority, path, contentLength, ...fields].join('|');
}

const wasKnown = (input: Input, blocks: readonly Buffer[]) => blocks.map((block) => input.take(block).wasKnown);
/** A block of literals, which no table knows. */
const plain = (lines: Lines) =>
  Buffer.concat(
    lines.flatMap((line) => {
      const colon = line.indexOf(': ', 1);
      return [Buffer.from([0]), ...[line.slice(0, colon), line.slice(colon + 2)].map(aString)];
    }),
  );
const aString = (text: string) =>
  Buffer.concat([
    text.length < 0x7f
      ? Buffer.from([text.length])
      : Buffer.from([0x7f, ((text.length - 0x7f) & 0x7f) | 0x80, (text.length - 0x7f) >> 7]),
    Buffer.from(text, 'latin1'),
  ]);

describe('RepeatedBlock', () => {
  it('knows a block that comes for the third time, and says the same as decoding', () => {
    const input = new Input();
    const block = plain(aCall);
    const seen = [1, 2, 3, 4].map(() => input.take(block));
    assert.deepEqual(
      seen.map((each) => each.wasKnown),
      [false, false, true, true],
    );
    assert.equal(new Set(seen.map(({ text }) => text)).size, 1);
  });

  it('is not misled by blocks that differ in an octet, or in length alone', () => {
    const input = new Input();
    const blocks = [aCall, [...aCall, 'x: 1'], [...aCall, 'x: 2'], [...aCall, 'x: 1'], aCall].map(plain);
    assert.deepEqual(wasKnown(input, blocks), [false, false, false, false, false]);
    assert.match(input.take(plain([...aCall, 'x: 3'])).text, /x: 3$/);
  });

  it('forgets when the table changes, by an entry or by its size', () => {
    for (const change of [Buffer.from('400178017a', 'hex'), Buffer.from('3fe10f', 'hex')]) {
      const input = new Input();
      // Indexes what the table holds, after blocks that put it there.
      const encoder = new HpackEncoder();
      const [first, ...rest] = [1, 2, 3, 4, 5, 6].map(() => encodeBlock(encoder, aCall));
      assert.ok(first !== undefined);
      wasKnown(input, [first, ...rest]);
      const last = rest.at(-1) ?? first;
      assert.equal(input.take(last).wasKnown, true);
      input.take(Buffer.concat([change, plain(aCall)]));
      assert.equal(input.last.find(last, 0, last.length, input.decoder.tableVersion), null);
    }
  });

  it('does not keep credentials that came as literals', () => {
    for (const line of ['authorization: Bearer secret', 'cookie: id=1', 'cookie: a-long-session-id=0123456789abcdef']) {
      const input = new Input();
      const block = plain([...aCall, line]);
      assert.deepEqual(wasKnown(input, [block, block, block, block]), [false, false, false, false], line);
    }
  });

  it('does not keep what is faulty or large', () => {
    for (const lines of [
      [...aCall, 'Upper: 1'],
      [...aCall, `x: ${'y'.repeat(600)}`],
    ]) {
      const input = new Input();
      const block = plain(lines);
      assert.deepEqual(wasKnown(input, [block, block, block]), [false, false, false]);
    }
  });

  it('gives a section without the fault that its stream added to it', () => {
    const input = new Input();
    const block = plain(aCall);
    wasKnown(input, [block, block]);
    input.take(block).section.fault = { kind: 'stream', code: 1, message: 'of one stream' } as never;
    assert.equal(input.take(block).section.fault, null);
  });
});
