import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '#shared/runtime/random.ts';
import { AccessRecord } from './access-record.ts';
import { parseFormat, renderParts } from './format.ts';
import { LineMaker } from './line-maker.ts';
import { LogLines } from './log-lines.ts';

const partsOf = (template: string) => parseFormat(template, { path: '', problems: [] });
const aRecord = (fields: Partial<AccessRecord>) => Object.assign(new AccessRecord(), fields);

/** Formats whose operators come first, last, next to each other, and among texts of more than one octet a character. */
const templates = [
  '%PROTOCOL% %RESPONSE_CODE% %UPSTREAM_HOST%\n',
  'é%PROTOCOL%%UPSTREAM_HOST%€%BYTES_SENT%\n',
  'no operator\n',
  '%ROUTE_NAME%',
];

for (const template of templates) {
  test(`lines are those that are rendered one by one: ${JSON.stringify(template)}`, () => {
    const random = seededRandom(7);
    const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const parts = partsOf(template);
    const maker = new LineMaker(parts);
    const lines = new LogLines(Buffer.alloc(16));
    let [written, expected] = ['', ''];
    for (let i = 0; i < 500; i++) {
      const record = aRecord({
        protocol: oneOf(['', 'HTTP/1.1', 'HTTP/2']),
        status: oneOf([200, 404, 0]),
        upstreamHost: oneOf(['10.0.0.1:80', '[::1]:80', 'ü'.repeat(20)]),
        bytesSent: oneOf([1, 10, 4096]),
        routeName: oneOf(['', 'default', 'x'.repeat(40)]),
      });
      maker.write(record, lines);
      expected += renderParts(parts, record, '-');
      // Lines of others come between; what was written goes away now and then.
      if (random() < 0.2) {
        lines.text('other\n');
        expected += 'other\n';
      }
      if (random() > 0.1) continue;
      written += lines.bytes.toString();
      lines.restart(Buffer.alloc(16, 0x21));
    }
    assert.equal(written + lines.bytes.toString(), expected);
  });
}

test('a maker serves several destinations in turns', () => {
  const maker = new LineMaker(partsOf('%PROTOCOL% %RESPONSE_CODE%\n'));
  const all = [new LogLines(Buffer.alloc(64)), new LogLines(Buffer.alloc(64))];
  for (const status of [200, 200, 503])
    for (const lines of all) maker.write(aRecord({ protocol: 'HTTP/2', status }), lines);
  for (const lines of all) assert.equal(lines.bytes.toString(), 'HTTP/2 200\nHTTP/2 200\nHTTP/2 503\n');
});
