/** Requests of HTTP/2 for cases, right and wrong, and what RFC 9113 says that they mean. */
import * as fc from 'fast-check';
import { frameType } from '../../../sidecar/http2/frames.ts';
import { aBlock, aFrame, dataFrame, headersFrame, resetFrame } from '../../../sidecar/http2/session.fixture.ts';
import { authorities, bodies, fields, paths } from './http1-octets.ts';
import { endToEnd, type Field, type Message } from './message.ts';
import { isToken, isValue } from './octet-reader.ts';

/** A request as it is sent. `end`: what carries END_STREAM, or that the stream is reset instead. */
export type Http2Request = Readonly<{
  fields: readonly Field[];
  data: readonly string[];
  trailers: readonly Field[];
  end: 'head' | 'data' | 'trailers' | 'reset';
}>;

/** Octets of its frames. */
export function framesOf({ fields: head, data, trailers, end }: Http2Request, id: number): Buffer[] {
  const frames = [headersFrame(id, head, end === 'head')];
  for (const [index, piece] of data.entries()) {
    for (let at = 0; at === 0 || at < piece.length; at += 16_384) {
      const isLast = end === 'data' && index === data.length - 1 && at + 16_384 >= piece.length;
      frames.push(dataFrame(id, piece.slice(at, at + 16_384), isLast));
    }
  }
  if (end === 'trailers') frames.push(aFrame(frameType.headers, 5, id, aBlock(trailers)));
  if (end === 'reset') frames.push(resetFrame(id), aFrame(frameType.ping, 0, 0, '12345678'));
  return frames;
}

const lower = (all: readonly Field[]): Field[] =>
  all.map(([name, value]) => [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, '')]);

/** What may be put among the fields: mostly what must not be there. */
const intruders = fc.constantFrom<Field>(
  ['transfer-encoding', 'chunked'],
  ['connection', 'close'],
  ['connection', 'keep-alive, x-one'],
  ['upgrade', 'h2c'],
  ['keep-alive', 'timeout=5'],
  ['proxy-connection', 'keep-alive'],
  ['te', 'trailers'],
  ['te', 'gzip'],
  ['host', 'evil'],
  ['host', 'a'],
  ['content-length', '0'],
  ['content-length', '5'],
  ['content-length', '+5'],
  ['content-length', '5, 5'],
  ['cookie', 'c=d'],
  ['cookie', 'e=f'],
  ['expect', '100-continue'],
  ['expect', 'something'],
  ['X-Upper', '1'],
  ['x one', '1'],
  ['x:one', '1'],
  ['', '1'],
  ['x-one\r\nx-two', '1'],
  ['x-one', '1\r\nx-two: 2'],
  ['x-one', '1\nx-two: 2'],
  ['x-one', '1\r'],
  ['x-one', 'a\0b'],
  ['x-one', ' 1'],
  ['x-one', '1\t'],
  [':method', 'POST'],
  [':path', '/evil'],
  [':path', ''],
  [':path', 'x'],
  [':path', '*'],
  [':path', '/a b'],
  [':path', '/a\r\nx: y'],
  [':path', '/a#b'],
  [':path', '/\x80'],
  [':path', 'http://evil/'],
  [':authority', 'evil'],
  [':authority', 'a b'],
  [':authority', 'user@a'],
  [':authority', 'a/b'],
  [':authority', ''],
  [':scheme', 'https'],
  [':scheme', 'ftp'],
  [':scheme', 'http://a'],
  [':method', 'GET /evil HTTP/1.1\r\nhost: e\r\n\r\n'],
  [':method', 'G T'],
  [':method', 'M-SEARCH'],
  [':method', ''],
  [':status', '200'],
  [':protocol', 'websocket'],
  [':unknown', '1'],
);
/** In place of a pseudo-header, or somewhere, or instead of another field. */
const intrusion = fc.record({
  field: intruders,
  at: fc.nat(9),
  how: fc.constantFrom('insert', 'replace', 'same', 'same'),
});

function intrude(
  all: readonly Field[],
  { field, at, how }: Readonly<{ field: Field; at: number; how: string }>,
): Field[] {
  const copy = [...all];
  const same = copy.findIndex(([name]) => name === field[0]);
  if (how === 'same' && same >= 0) copy[same] = field;
  else copy.splice(at % (copy.length + 1), how === 'replace' ? 1 : 0, field);
  return copy;
}

const methods = fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'GET', 'POST');
const contents = fc.tuple(bodies, fc.array(fc.nat(20), { maxLength: 4 })).map(([body, cuts]) => {
  const pieces: string[] = [];
  let rest = body;
  for (const cut of cuts) {
    pieces.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  // Frames without a payload in a row are a flood.
  const filled = [...pieces, rest].filter((piece) => piece !== '');
  return filled.length === 0 ? [''] : filled;
});

/** A request of which about half have something wrong. */
export const anyHttp2Request: fc.Arbitrary<Http2Request> = fc
  .record({
    method: methods,
    path: paths,
    authority: authorities,
    more: fields,
    data: contents,
    trailers: fields,
    declares: fc.boolean(),
    end: fc.constantFrom('head', 'data', 'data', 'data', 'trailers', 'trailers', 'reset'),
    intrusions: fc.oneof(fc.constant([]), fc.array(intrusion, { maxLength: 2 })),
    inTrailers: fc.nat(4),
  })
  .map(({ method, path, authority, more, data, trailers, declares, end, intrusions, inTrailers }) => {
    const length = data.join('').length;
    const declared: Field[] = declares ? [['content-length', String(end === 'head' ? 0 : length)]] : [];
    let head: Field[] = [
      [':method', method],
      [':scheme', 'http'],
      [':authority', authority],
      [':path', path],
      ...lower(more),
      ...declared,
    ];
    let tail = lower(trailers);
    for (const one of intrusions) {
      if (inTrailers === 0 && end === 'trailers') tail = intrude(tail, one);
      else head = intrude(head, one);
    }
    return { fields: head, data: end === 'head' ? [] : data, trailers: end === 'trailers' ? tail : [], end };
  });

/** What a request means; `wrong`: the rule that it breaks; `may`: a reason for which it may be refused although it is right. */
export type Meaning = Readonly<{
  message: Message;
  wrong: string | null;
  may: string | null;
  /** The length of its body is said. */
  isDeclared: boolean;
}>;

const authorityForm = /^(?:\[[0-9A-Za-z:.%~_-]+\]|[-._~!$&'()*+,;=%0-9A-Za-z]+)(?::\d{0,5})?$/;
const ofTheConnection = /^(?:connection|proxy-connection|keep-alive|transfer-encoding|upgrade)$/;

/** Reads a request by RFC 9113 8. */
export function meaningOf({ fields: head, data, trailers, end }: Http2Request): Meaning {
  const pseudo = (name: string) => head.find(([each]) => each === name)?.[1];
  const host = head.find(([name]) => name === 'host')?.[1];
  const path = pseudo(':path') ?? '';
  const message: Message = {
    method: pseudo(':method') ?? '',
    path: path.includes('#') ? path.slice(0, path.indexOf('#')) : path,
    authority: pseudo(':authority') || (host ?? ''),
    fields: endToEnd(head.filter(([name]) => !name.startsWith(':'))),
    body: data.join(''),
    trailers,
  };
  const wrong =
    faultOfFields(head) ?? faultOfPseudo(head) ?? faultOfLength(head, message.body) ?? faultOfTrailers(trailers);
  return {
    message,
    wrong: wrong ?? (end === 'reset' ? 'reset' : null),
    may: mayRefuse(message, head, path),
    isDeclared: head.some(([name]) => name === 'content-length'),
  };
}

function faultOfFields(head: readonly Field[]): string | null {
  for (const [name, value] of head) {
    if (!name.startsWith(':') && (!isToken(name) || name !== name.toLowerCase())) return 'field name';
    if (!isValue(value) || value !== value.replace(/^[ \t]+|[ \t]+$/g, '')) return 'field value';
    if (ofTheConnection.test(name)) return 'field of the connection';
    if (name === 'te' && value !== 'trailers') return 'te';
  }
  return null;
}

function faultOfPseudo(head: readonly Field[]): string | null {
  const names = head.map(([name]) => name);
  const pseudo = names.filter((name) => name.startsWith(':'));
  if (pseudo.some((name) => !/^:(?:method|scheme|authority|path)$/.test(name))) return 'unknown pseudo-header';
  if (new Set(pseudo).size < pseudo.length) return 'pseudo-header twice';
  if (names.findLastIndex((name) => name.startsWith(':')) >= pseudo.length) return 'pseudo-header late';
  const {
    method = '',
    scheme = '',
    path = '',
    authority,
  } = Object.fromEntries(head.filter(([name]) => name.startsWith(':')).map(([name, value]) => [name.slice(1), value]));
  if (!isToken(method) || scheme === '' || path === '') return 'pseudo-header missing';
  if (!/^[a-z][a-z0-9+.-]*$/i.test(scheme)) return 'scheme';
  if (!/^\/[\x21-\x7e]*$/.test(path) && !(path === '*' && method === 'OPTIONS')) return 'path';
  if (authority !== undefined && !authorityForm.test(authority)) return 'authority';
  const hosts = head.filter(([name]) => name === 'host').map(([, value]) => value);
  const said = authority ? [authority, ...hosts] : hosts;
  if (new Set(said.map((each) => each.toLowerCase())).size > 1) return 'authorities differ';
  if (hosts.some((host) => !authorityForm.test(host))) return 'authority';
  return hosts.length > 1 ? 'two hosts' : null;
}

function faultOfLength(head: readonly Field[], body: string): string | null {
  const lengths = head.filter(([name]) => name === 'content-length').map(([, value]) => value);
  if (lengths.some((length) => !/^\d+$/.test(length)) || new Set(lengths).size > 1) return 'content-length';
  if (lengths.length === 0 || Number(lengths[0]) === body.length) return null;
  return Number(lengths[0]) < body.length ? 'more than content-length' : 'less than content-length';
}

function faultOfTrailers(trailers: readonly Field[]): string | null {
  if (trailers.some(([name]) => name.startsWith(':'))) return 'pseudo-header in trailers';
  const fault = faultOfFields(trailers);
  return fault === null ? null : `${fault} in trailers`;
}

function mayRefuse({ method, authority, path }: Message, head: readonly Field[], asked: string): string | null {
  const scheme = head.find(([name]) => name === ':scheme')?.[1]?.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return 'scheme';
  if (authority === '') return 'no authority';
  if (method === 'CONNECT') return 'CONNECT';
  if (path === '*') return 'no route for *';
  if (asked !== path) return 'fragment';
  const expectations = head.filter(([name]) => name === 'expect');
  if (expectations.some(([, value]) => value !== '100-continue')) return 'expectation';
  return null;
}
