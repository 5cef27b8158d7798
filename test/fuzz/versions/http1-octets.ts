/** Octets of HTTP/1.1 for cases: messages that are right in many spellings, and the same with something wrong. */
import * as fc from 'fast-check';
import { mutated, requests } from '../http1-messages.fixture.ts';

const methods = ['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];
const octets = (from: number, to: number, without = '') =>
  Array.from({ length: to - from + 1 }, (_, n) => String.fromCharCode(from + n)).filter(
    (each) => !without.includes(each),
  );
const text = (units: readonly string[], maxLength: number, minLength = 0) =>
  fc.array(fc.constantFrom(...units), { minLength, maxLength }).map((parts) => parts.join(''));

const pathUnits = [
  ...octets(0x61, 0x7a),
  '/',
  '/',
  '.',
  '..',
  '%2f',
  '%00',
  '%0d%0a',
  '?',
  '&',
  '=',
  ':',
  '@',
  '"',
  '<',
  '\\',
  '|',
  '`',
  '{',
  '^',
];
export const paths = fc.oneof(
  text(pathUnits, 12).map((path) => `/${path}`),
  fc.constant('/'),
);
export const authorities = fc.constantFrom(
  'a',
  'A.example',
  'a.example:80',
  '[::1]:8080',
  '127.0.0.1',
  'a_b',
  'xn--a',
  'a:',
);
const nameUnits = [...octets(0x61, 0x7a), 'X', '-', '_', '~', '!', '|', "'", '1'];
export const names = fc.oneof(
  fc.constantFrom(
    'accept',
    'X-One',
    'x-one',
    'x-Two',
    'cookie',
    'user-agent',
    'content-type',
    'cache-control',
    'via',
    'priority',
  ),
  text(nameUnits, 8, 1).map((name) => `z${name}`),
);
export const values = fc.oneof(
  text([...octets(0x20, 0x7e), '\t', ...octets(0x80, 0xff)], 20),
  fc.constantFrom('', '0', 'a, b', '"q"', 'a=b; c=d', 'é', '\xff\xfe', 'x'.repeat(300)),
);
export const fields = fc.array(fc.tuple(names, values), { maxLength: 5 });
export const bodies = fc.oneof(
  text([...octets(0, 255)], 30),
  fc.constantFrom(
    '',
    'hello',
    '0\r\n\r\n',
    'GET /evil HTTP/1.1\r\nHost: e\r\n\r\n',
    'x'.repeat(3000),
    'y'.repeat(40_000),
  ),
);
const extra = fc.constantFrom(
  'Connection: keep-alive',
  'Connection: x-one, X-Two',
  'Connection: close',
  'Connection: te, keep-alive',
  'TE: trailers',
  'TE: gzip;q=1, trailers',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'Expect: 100-continue',
  'Upgrade: h2c\r\nConnection: upgrade\r\nHTTP2-Settings: AAMAAABk',
  'Trailer: x-one',
);

/** The body and how it is framed: by its length, in chunks of many spellings, or not said if there is none. */
const framed = fc
  .tuple(bodies, fc.constantFrom('length', 'chunked'), fc.array(fc.nat(20), { maxLength: 6 }), fields)
  .map(([body, how, cuts, trailers]) => {
    if (body === '' && how === 'length') return ['', ''] as const;
    if (how === 'length') return [`Content-Length: ${body.length}\r\n`, body] as const;
    return ['Transfer-Encoding: chunked\r\n', chunked(body, cuts, trailers)] as const;
  });

function chunked(body: string, cuts: readonly number[], trailers: readonly (readonly [string, string])[]): string {
  let rest = body;
  let out = '';
  for (const [index, cut] of cuts.entries()) {
    const piece = rest.slice(0, cut + 1);
    if (piece === '') break;
    const size = piece.length.toString(16);
    out += `${index % 2 === 0 ? size : `00${size.toUpperCase()}`}${['', ';a', ';a=b', ' ; a="b;\\" c"'][index % 4]}\r\n${piece}\r\n`;
    rest = rest.slice(cut + 1);
  }
  if (rest !== '') out += `${rest.length.toString(16)}\r\n${rest}\r\n`;
  return `${out}0\r\n${lines(trailers)}\r\n`;
}

const lines = (all: readonly (readonly [string, string])[]) =>
  all
    .map(
      ([name, value], index) => `${name}:${[' ', '', '\t ', ' '][index % 4]}${value}${index % 3 === 2 ? ' ' : ''}\r\n`,
    )
    .join('');

const target = fc
  .tuple(paths, authorities, fc.nat(9))
  .map(([path, authority, n]) => (n === 0 ? `http://${authority}${path}` : n === 1 ? `HTTP://${authority}` : path));

/** One request that is right. */
export const rightRequest = fc
  .tuple(fc.constantFrom(...methods), target, authorities, fields, fc.option(extra, { freq: 3 }), framed, fc.nat(12))
  .map(([method, to, authority, more, other, [framing, content], n]) => {
    const version = n === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    const isBare = n === 0 || method === 'TRACE';
    const said = isBare ? '' : framing;
    return `${method} ${to} ${version}\r\nHost: ${authority}\r\n${lines(more)}${other === null ? '' : `${other}\r\n`}${said}\r\n${isBare ? '' : content}`;
  });

/** Some requests on one connection. */
export const rightRequests = fc.array(rightRequest, { minLength: 1, maxLength: 3 }).map((all) => all.join(''));

/** Requests of which most have something wrong. */
export const anyRequests = fc.oneof(
  { weight: 4, arbitrary: rightRequests },
  { weight: 4, arbitrary: rightRequests.chain((octetsOf) => mutated([octetsOf])) },
  { weight: 2, arbitrary: mutated(requests) },
);

const status = fc.constantFrom(
  '200 OK',
  '200 OK',
  '200',
  '200 ',
  '201 Created',
  '204 No Content',
  '304 Not Modified',
  '404 Not Found',
  '500 Oh \xe9',
  '299 x',
  '599 y',
);
const responseExtra = fc.constantFrom(
  'Connection: close',
  'Keep-Alive: timeout=5',
  'Connection: x-one',
  'Trailer: a',
  'Content-Encoding: gzip',
  'Set-Cookie: a=b',
  'Upgrade: h2c',
);

/** One response that is right to a request with this method. */
const rightResponse = (method: string) =>
  fc
    .tuple(status, fields, fc.option(responseExtra, { freq: 3 }), framed, fc.nat(12))
    .map(([line, more, other, [framing, content], n]) => {
      const hasNone = method === 'HEAD' || /^(?:204|304)/.test(line);
      const untilClose = n === 0 && !hasNone;
      const isLengthless = line.startsWith('204') || untilClose;
      const informational = n === 1 ? 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' : '';
      const none = framing === '' && !isLengthless ? 'Content-Length: 0\r\n' : framing;
      return `${informational}HTTP/1.1 ${line}\r\n${lines(more)}${other === null ? '' : `${other}\r\n`}${isLengthless ? '' : none}\r\n${hasNone ? '' : content}`;
    });

/** The octets of a response to this method, of which most have something wrong. */
export const anyResponse = (method: string) =>
  fc.oneof(
    { weight: 1, arbitrary: rightResponse(method) },
    { weight: 1, arbitrary: rightResponse(method).chain((octetsOf) => mutated([octetsOf])) },
  );
