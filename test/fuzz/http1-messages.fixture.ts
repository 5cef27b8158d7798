import * as fc from 'fast-check';

/** Requests to start from. */
export const requests = [
  'GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nX-One: 1\r\nx-one: 2\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: 1\r\n\r\nGET /3 HTTP/1.1\r\nHost: c\r\n\r\n',
  'GET http://b.example/p HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n',
  'PUT / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcHEAD / HTTP/1.0\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n',
];
const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX: 1\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n',
];
/** What attacks are made of. */
const fragments = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\x0b',
  '\x0c',
  '\xa0',
  '\x85',
  '0',
  '\r\n\r\n',
  '0\r\n\r\n',
  '\r\n ',
  '\n\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: +5\r\n',
  'Content-Length : 5\r\n',
  'content-length:5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding: x\r\n',
  'Transfer-Encoding: chunked, identity\r\n',
  'Transfer_Encoding: chunked\r\n',
  'Host: evil\r\n',
  ' chunked',
  'X: y\r\n z\r\n',
  'GET /evil HTTP/1.1\r\nHost: e\r\n\r\n',
  'HTTP/1.0',
  'HTTP/1.2',
  'Connection: close\r\n',
  'Connection: Content-Length\r\n',
  'Upgrade: h2c\r\nConnection: upgrade\r\n',
  '5\r\n',
  'fffffffffffffffff\r\n',
  '1;a\r\n',
  '#',
  '%0d%0a',
];

/** A message with a few places changed: octets cut out, and a fragment, another octet or a piece of itself put in. */
export const mutated = (messages: readonly string[]) => {
  const edit = fc.record({
    at: fc.nat(1000),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(12)),
    put: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...fragments) },
      fc.nat(255).map((octet) => String.fromCharCode(octet)),
      fc.constant(''),
    ),
  });
  return fc
    .tuple(fc.constantFrom(...messages), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([message, edits]) => {
      let text = message;
      for (const { at, cut, put } of edits) {
        const position = at % (text.length + 1);
        text = text.slice(0, position) + put + text.slice(position + cut);
      }
      return text;
    });
};
const noise = fc
  .array(
    fc.oneof(
      fc.nat(255).map((octet) => String.fromCharCode(octet)),
      fc.constantFrom(...fragments, ...requests),
    ),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.join(''));
/** Requests with something wrong, or noise. */
export const anyRequests = fc.oneof({ weight: 4, arbitrary: mutated(requests) }, noise);
/** Where to cut the bytes. */
export const cuts = fc.array(fc.nat(400), { maxLength: 6 });

/** Responses with something wrong. */
export const anyResponse = mutated(responses);
