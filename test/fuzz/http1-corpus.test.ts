import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { encodeRequest, readRequests } from '../../sidecar/http1/messages.fixture.ts';

type Entry = Readonly<{
  file: string;
  name: string;
  raw: string;
  messages: number;
  verdict: 'malformed' | 'well-formed' | 'either' | 'neutral';
}>;

const folder = new URL('../corpora/http1/', import.meta.url);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a corpus of our own
const corpus = JSON.parse(readFileSync(new URL('llhttp-requests.json', folder), 'utf8')) as Entry[];

/** Where we are stricter than llhttp, or its verdict is on more than the bytes. */
const exceptions: Readonly<Record<string, string>> = {
  'M-SEARCH request': 'the asterisk form is for OPTIONS alone (RFC 9112 3.2.4)',
  'POST with `chunked` as last transfer-encoding': 'other codings than chunked are answered with 501 (RFC 9112 6.1)',
  'POST with `chunked` as last transfer-encoding (multiple headers)': 'the same',
  'CRLF between requests, implicit `keep-alive`': 'its first message is well-formed, the second only cut short',
};

/** llhttp asks for no Host; we do. */
const withHosts = (raw: string) =>
  /^host *:/im.test(raw) ? raw : raw.replace(/^([A-Z-]+ \S+ HTTP\/1\.1\r\n)/gm, '$1Host: a\r\n');

const completeOf = (raw: string, lenient: boolean) =>
  readRequests(raw, { lenient }).messages.filter((message) => message.isComplete);

describe("llhttp's requests", () => {
  it('are all there', () => {
    assert.equal(corpus.length, 131);
    for (const name of Object.keys(exceptions)) assert.ok(corpus.some((entry) => entry.name === name));
  });

  for (const entry of corpus) {
    const title = `${entry.verdict}: ${entry.file}: ${entry.name}`;
    const raw = withHosts(entry.raw);
    const isException = Object.hasOwn(exceptions, entry.name);
    if (entry.verdict === 'malformed' && !isException) {
      it(`${title} is not taken for a request`, () => {
        assert.equal(completeOf(raw, false).length, entry.messages);
      });
      it(`${title} never goes on as it came`, () => {
        const forwarded = completeOf(raw, true).map(encodeRequest).join('');
        assert.notEqual(forwarded, raw);
        const again = readRequests(forwarded);
        assert.equal(again.fault, null);
        assert.equal(again.messages.map(encodeRequest).join(''), forwarded);
      });
    } else if (entry.verdict === 'well-formed' && !isException) {
      it(`${title} is served ${entry.messages} times`, () => {
        const read = readRequests(raw);
        assert.equal(read.fault, null);
        assert.equal(read.messages.filter((message) => message.isComplete).length, entry.messages);
      });
    } else {
      it(`${title} does no harm`, () => {
        for (const lenient of [false, true]) {
          for (const message of completeOf(raw, lenient)) {
            const forwarded = encodeRequest(message);
            assert.deepEqual(readRequests(forwarded).messages.map(encodeRequest), [forwarded]);
          }
        }
      });
    }
  }
});
