import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldSection, type SectionKind } from './field-section.ts';
import { aGet, pairsOf, type Pairs } from './session.fixture.ts';

const limits = { maxHeaderListBytes: 1000, maxFields: 10, allowConnect: true };

function read(kind: SectionKind, fields: Pairs, changes: Partial<typeof limits> = {}): FieldSection {
  const section = new FieldSection();
  section.begin(kind, { ...limits, ...changes });
  for (const [name, value] of fields) section.onField(name, value, false, null);
  section.finish();
  return section;
}

const connect: Pairs = [
  [':method', 'CONNECT'],
  [':authority', 'a:80'],
];
const without = (name: string): Pairs => aGet.filter(([each]) => each !== name);
const instead = (name: string, value: string): Pairs => aGet.map((pair) => (pair[0] === name ? [name, value] : pair));

const malformed: readonly [string, Pairs, string][] = [
  ['no :method', without(':method'), 'pseudoMissing'],
  ['no :scheme', without(':scheme'), 'pseudoMissing'],
  ['no :path', without(':path'), 'pseudoMissing'],
  ['neither :authority nor host', without(':authority'), 'authorityMissing'],
  ['an empty :authority', [...instead(':authority', ''), ['host', 'a']], 'authority'],
  ['an empty host', [...without(':authority'), ['host', '']], 'authority'],
  ['a port without a host', instead(':authority', ':80'), 'authority'],
  ['two :method', [...aGet, [':method', 'GET']], 'pseudoRepeated'],
  ['two :path', [...aGet, [':path', '/']], 'pseudoRepeated'],
  ['two :authority', [...aGet, [':authority', 'a']], 'pseudoRepeated'],
  ['two :scheme', [...aGet, [':scheme', 'http']], 'pseudoRepeated'],
  ['an unknown pseudo-header', [[':what', 'x'], ...aGet], 'pseudoUnknown'],
  [':status', [[':status', '200'], ...aGet], 'pseudoUnknown'],
  ['a late pseudo-header', [...without(':path'), ['a', 'b'], [':path', '/']], 'pseudoLate'],
  ['a pseudo-header behind a dropped field', [['http2-settings', ''], ...aGet], 'pseudoLate'],
  ['a malformed :method', instead(':method', 'G T'), 'method'],
  ['another :scheme', instead(':scheme', 'ftp'), 'scheme'],
  ['an empty :path', instead(':path', ''), 'path'],
  ['a :path without /', instead(':path', 'a'), 'path'],
  ['* of another method', instead(':path', '*'), 'path'],
  ['a blank in :path', instead(':path', '/a b HTTP/1.1'), 'path'],
  ['userinfo', instead(':authority', 'u@a'), 'authority'],
  ['a blank in :authority', instead(':authority', 'a b'), 'authority'],
  ['a port above 65,535', instead(':authority', 'a:65536'), 'authority'],
  ['another host', [...aGet, ['host', 'b']], 'authoritiesDiffer'],
  ['two hosts', [...without(':authority'), ['host', 'a'], ['host', 'b']], 'authoritiesDiffer'],
  ['an upper-case name', [...aGet, ['A', 'b']], 'fieldName'],
  ['an empty name', [...aGet, ['', 'b']], 'fieldName'],
  ['a blank in a name', [...aGet, ['a b', 'c']], 'fieldName'],
  ['a colon in a name', [...aGet, ['a:b', 'c']], 'fieldName'],
  ['CR in a name', [...aGet, ['a\r', 'c']], 'fieldName'],
  ['NUL in a value', [...aGet, ['a', 'b\0c']], 'fieldValue'],
  ['CR LF in a value', [...aGet, ['a', 'b\r\nc: d']], 'fieldValue'],
  ['LF in a pseudo-header', instead(':path', '/\n'), 'fieldValue'],
  ['a blank before a value', [...aGet, ['a', ' b']], 'fieldValue'],
  ['a tab behind a value', [...aGet, ['a', 'b\t']], 'fieldValue'],
  ['connection', [...aGet, ['connection', 'close']], 'connectionField'],
  ['keep-alive', [...aGet, ['keep-alive', '1']], 'connectionField'],
  ['proxy-connection', [...aGet, ['proxy-connection', 'x']], 'connectionField'],
  ['transfer-encoding', [...aGet, ['transfer-encoding', 'chunked']], 'connectionField'],
  ['upgrade', [...aGet, ['upgrade', 'x']], 'connectionField'],
  ['te: gzip', [...aGet, ['te', 'gzip']], 'te'],
  ['te: trailers, gzip', [...aGet, ['te', 'trailers, gzip']], 'te'],
  ['a signed content-length', [...aGet, ['content-length', '+1']], 'contentLength'],
  ['an empty content-length', [...aGet, ['content-length', '']], 'contentLength'],
  ['content-lengths that differ', [...aGet, ['content-length', '1'], ['content-length', '2']], 'contentLength'],
  ['another expectation', [...aGet, ['expect', 'miracles']], 'expectation'],
  ['CONNECT with a path', [...connect, [':path', '/']], 'connect'],
  ['CONNECT with a scheme', [...connect, [':scheme', 'http']], 'connect'],
  ['CONNECT without a port', [connect[0] ?? ['', ''], [':authority', 'a']], 'authority'],
  [':protocol without CONNECT', [...aGet, [':protocol', 'websocket']], 'connect'],
  [':protocol without a path', [...connect, [':protocol', 'websocket']], 'pseudoMissing'],
  ['too many fields', [...aGet, ...Array.from({ length: 7 }, () => ['a', 'b'] as const)], 'tooManyFields'],
  ['a list that is too large', [...aGet, ['a', 'b'.repeat(1000)]], 'fieldsTooLarge'],
];

describe('the head of a request', () => {
  for (const [what, fields, reason] of malformed) {
    it(`is malformed with ${what}: ${reason}`, () => assert.equal(read('request', fields).fault?.reason, reason));
  }

  it('is what its pseudo-headers and fields say', () => {
    const section = read('request', [
      ...aGet,
      ['te', 'trailers'],
      ['content-length', '007'],
      ['expect', '100-Continue'],
    ]);
    assert.equal(section.fault, null);
    assert.deepEqual([section.method, section.scheme, section.authority, section.path], ['GET', 'http', 'a', '/']);
    assert.deepEqual(pairsOf(section), [
      ['te', 'trailers'],
      ['content-length', '7'],
    ]);
    assert.deepEqual([section.contentLength, section.expectsContinue], [7, true]);
  });

  it('may name its host by Host alone, or twice alike', () => {
    assert.equal(read('request', [...without(':authority'), ['host', 'b:1']]).authority, 'b:1');
    assert.equal(read('request', [...aGet, ['host', 'A']]).fault, null);
    assert.equal(read('request', instead(':authority', '[::1]:80')).fault, null);
    assert.equal(read('request', instead(':authority', '[::1]:x')).fault?.reason, 'authority');
  });

  it('may be OPTIONS *, CONNECT, and extended CONNECT where that was offered', () => {
    const options: Pairs = [
      [':method', 'OPTIONS'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '*'],
    ];
    assert.equal(read('request', options).fault, null);
    assert.equal(read('request', connect).fault, null);
    const extended: Pairs = [...connect, [':protocol', 'websocket'], [':scheme', 'https'], [':path', '/']];
    assert.equal(read('request', extended).protocol, 'websocket');
    assert.equal(read('request', extended, { allowConnect: false }).fault?.reason, 'connect');
  });
});

describe('trailers', () => {
  it('have no pseudo-header, and a content-length there means nothing', () => {
    assert.equal(read('trailers', [[':status', '200']]).fault?.reason, 'pseudoInTrailers');
    const section = read('trailers', [
      ['grpc-status', '0'],
      ['content-length', 'x'],
    ]);
    assert.deepEqual([section.fault, pairsOf(section)], [null, [['grpc-status', '0']]]);
  });
});
