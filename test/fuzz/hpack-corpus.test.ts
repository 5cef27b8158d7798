import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodeBlock, encodeBlock, octets } from '../../sidecar/http2/hpack/blocks.fixture.ts';
import { HpackDecoder } from '../../sidecar/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../sidecar/http2/hpack/encoder.ts';

type Story = Readonly<{
  cases: readonly Readonly<{
    wire: string;
    headers: readonly Readonly<Record<string, string>>[];
    header_table_size?: number | null;
  }>[];
}>;

const folder = new URL('../corpora/hpack/', import.meta.url);
const encoders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

function read(path: string): Story {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a corpus of our own
  return JSON.parse(readFileSync(new URL(path, folder), 'utf8')) as Story;
}

const linesOf = (headers: Story['cases'][number]['headers']) =>
  headers.flatMap((header) => Object.entries(header).map(([name, value]) => `${name}: ${value}`));

describe('the stories of hpack-test-case', () => {
  it('are all there', () => {
    const counts = Object.fromEntries(
      encoders.map(({ name }) => [name, readdirSync(new URL(`${name}/`, folder)).length]),
    );
    assert.deepEqual(counts, {
      'go-hpack': 20,
      'haskell-http2-naive-huffman': 20,
      'nghttp2-16384-4096': 20,
      'nghttp2-change-table-size': 23,
      'node-http2-hpack': 22,
      'python-hpack': 20,
      'swift-nio-hpack-plain-text': 20,
    });
  });

  for (const { name } of encoders) {
    for (const file of readdirSync(new URL(`${name}/`, folder))) {
      const story = read(`${name}/${file}`);
      it(`${name}/${file} is decoded, encoded and decoded to the same`, () => {
        const largest = Math.max(4096, ...story.cases.map((each) => each.header_table_size ?? 0));
        const theirs = new HpackDecoder({ maxTableBytes: largest });
        const ours = new HpackDecoder({ maxTableBytes: largest });
        const encoder = new HpackEncoder({ maxTableBytes: largest });
        for (const { wire, headers, header_table_size: size } of story.cases) {
          const expected = { fault: null, lines: linesOf(headers) };
          const { fault, lines } = decodeBlock(theirs, octets(wire));
          assert.deepEqual({ fault, lines }, expected);
          if (typeof size === 'number') encoder.setPeerTableSize(size);
          const again = decodeBlock(ours, encodeBlock(encoder, lines));
          assert.deepEqual({ fault: again.fault, lines: again.lines }, expected);
        }
      });
    }
  }

  it('take at most a tenth more octets as we encode them than as nghttp2 and Node did', () => {
    let theirs = 0;
    let ours = 0;
    const long = ['20', '25'].map((number) => `node-http2-hpack/story_${number}.json`);
    for (const file of [
      ...readdirSync(new URL('nghttp2-16384-4096/', folder)).map((file) => `nghttp2-16384-4096/${file}`),
      ...long,
    ]) {
      const encoder = new HpackEncoder();
      for (const { wire, headers } of read(file).cases) {
        theirs += wire.length / 2;
        ours += encodeBlock(encoder, linesOf(headers)).length;
      }
    }
    // Literals that do not enter the table are not Huffman coded: what comes anew with each message is cheaper as it is.
    assert.ok(ours <= theirs * 1.1, `${ours} octets instead of ${theirs}`);
  });
});
