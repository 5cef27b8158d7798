import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HeadParser } from '../../sidecar/http1/head-parser.ts';
import { FieldSection } from '../../sidecar/http2/field-section.ts';

const units = ['[', ':80', ']', ':', '::1', '.', 'a', 'B9', ',', ';', '!', '$', '(', '*', '+', '=', '%25', '~', '_', '-', '@', '/', '65535', '65536', '00080', ' ', '\xe4', 'x'.repeat(4090)]; // prettier-ignore
const authorities = fc.array(fc.constantFrom(...units), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));

function isTakenByHttp1(authority: string): boolean {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'latin1');
  return new HeadParser({ maxFields: 10, lenient: false }).parseRequest(bytes, 0, bytes.length, 'http') !== null;
}

function isTakenByHttp2(authority: string): boolean {
  const section = new FieldSection();
  section.begin('request', { maxHeaderListBytes: 60_000, maxFields: 10, allowConnect: false });
  const fields = { ':method': 'GET', ':scheme': 'http', ':authority': authority, ':path': '/' };
  for (const [name, value] of Object.entries(fields)) section.onField(name, value, false, null);
  return section.finish() === null;
}

test('both versions take the same authorities, so that one sidecar takes what the other passes on', () => {
  let taken = 0;
  fc.assert(
    fc.property(authorities, (authority) => {
      // Blanks around a value are no part of it in HTTP/1.1.
      fc.pre(authority.trim() === authority);
      const isTaken = isTakenByHttp1(authority);
      if (isTaken) taken++;
      assert.equal(isTakenByHttp2(authority), isTaken, authority);
    }),
    { numRuns: 5000, seed: 20_261_126 },
  );
  assert.ok(taken > 200, `only ${taken} were right`);
});
