import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { aDecoder, decodeBlock, encodeBlock, octets } from '../../sidecar/http2/hpack/blocks.fixture.ts';
import { HpackEncoder } from '../../sidecar/http2/hpack/encoder.ts';
import { faults } from '../../sidecar/http2/hpack/faults.ts';
import { staticNames } from '../../sidecar/http2/hpack/static-table.ts';

const runs = { numRuns: 3000, seed: 20_261_126 };
const known = new Set<string | null>([null, ...Object.values(faults)]);

const latin1 = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const name = fc.oneof(
  fc.constantFrom(...staticNames.keys(), 'x-request-id', 'traceparent', 'grpc-status', 'grpc-timeout', 'x', 'y'),
  latin1.map((text) => text.replaceAll(': ', '') || 'z'),
);
const value = fc.oneof(fc.constantFrom('', 'GET', '/', '200', 'gzip, deflate', 'a', 'b', 'c'.repeat(900)), latin1);
const line = fc.tuple(name, value).map(([name, value]) => `${name}: ${value}`);
const tableBytes = fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 20_000 }));
const step = fc.record({
  sizes: fc.array(tableBytes, { maxLength: 3 }),
  lines: fc.array(line, { maxLength: 12 }),
});

/** What may stand in a block, whole or cut: whatever octets, and what is nearly right. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc
    .constantFrom(
      '82',
      'be',
      'ff00',
      '20',
      '3fe11f',
      '3f',
      '400161',
      '0162',
      '0f10',
      '1f',
      '7f',
      '8318c6',
      '81ff',
      '04ffffffff',
    )
    .map(octets),
  fc.array(line, { maxLength: 4 }).map((lines) => encodeBlock(new HpackEncoder(), lines)),
);
const block = fc.array(piece, { maxLength: 10 }).map((pieces) => Buffer.concat(pieces));

describe('HPACK, of any fields and table sizes', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), tableBytes, (steps, own) => {
        const encoder = new HpackEncoder({ maxTableBytes: own });
        const decoder = aDecoder(20_000);
        for (const { sizes, lines } of steps) {
          for (const size of sizes) encoder.setPeerTableSize(size);
          const decoded = decodeBlock(decoder, encodeBlock(encoder, lines));
          assert.deepEqual([decoded.fault, decoded.lines], [null, lines]);
          assert.equal(
            decoded.listBytes,
            lines.reduce((sum, line) => sum + line.length - 2 + 32, 0),
          );
        }
      }),
      runs,
    );
  });
});

describe('a decoder that gets any bytes', () => {
  it('takes them or says why not, never throws, and never works more than their length allows', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 4 }), tableBytes, (blocks, own) => {
        const decoder = aDecoder(own);
        for (const bytes of blocks) {
          const { fault, lines } = decodeBlock(decoder, bytes);
          assert.ok(known.has(fault), String(fault));
          assert.ok(lines.length <= bytes.length);
          if (fault !== null) break;
        }
      }),
      { ...runs, numRuns: 20_000 },
    );
  });

  it('goes on the same way whatever stands around the block', () => {
    fc.assert(
      fc.property(block, fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (bytes, before, after) => {
        const lines: string[] = [];
        const fault = aDecoder().decode(
          Buffer.concat([before, bytes, after]),
          before.length,
          before.length + bytes.length,
          {
            onField: (name, value) => void lines.push(`${name}: ${value}`),
          },
        );
        const alone = decodeBlock(aDecoder(), bytes);
        assert.deepEqual([fault, lines], [alone.fault, alone.lines]);
      }),
      runs,
    );
  });

  it('is done with a megabyte of anything in no time', () => {
    for (const unit of ['be', '00', 'ff', '80', '40', '3f', '20', '00017f', '4100', '418100', '0081f1']) {
      const bytes = octets(`40016100${unit.repeat(1_000_000 / (unit.length / 2))}`);
      const start = process.cpuUsage();
      decodeBlock(aDecoder(), bytes);
      const { user } = process.cpuUsage(start);
      assert.ok(user < 2_000_000, `${unit}: ${user} us`);
    }
  });
});
