import assert from 'node:assert/strict';
import { HeaderMap } from '../http1/header-map.ts';
import type { RequestHead, ResponseHead } from '../http1/message.ts';

type Lines = Readonly<Record<string, string | readonly string[]>>;

/** Headers for tests; a list is several lines. */
export function aHeaderMap(lines: Lines = {}): HeaderMap {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(lines)) {
    for (const line of typeof value === 'string' ? [value] : value) headers.add(name.toLowerCase(), line);
  }
  return headers;
}

/** A request for tests: `GET /` of `reviews`, unless said otherwise. */
export function aRequest(fields: Partial<Omit<RequestHead, 'headers'>> = {}, lines: Lines = {}): RequestHead {
  return {
    method: 'GET',
    path: '/',
    authority: 'reviews',
    scheme: 'http',
    version: 'HTTP/1.1',
    headers: aHeaderMap(lines),
    upgrade: null,
    contentLength: 0,
    expectsContinue: false,
    isAbsoluteForm: false,
    ...fields,
  };
}

/** A response for tests: 200. */
export function aResponse(status = 200, lines: Lines = {}): ResponseHead {
  return { status, reason: '', version: 'HTTP/1.1', headers: aHeaderMap(lines), contentLength: 0, upgrade: null };
}

/** The header lines of a head, sorted, for comparing what is there but not in which order. */
export function sortedLines({ headers }: Readonly<{ headers: HeaderMap }>): [string, string][] {
  return headers.entries().toSorted((a, b) => (a.join(':') < b.join(':') ? -1 : 1));
}

/** The headers of a head by name; each may be there once only. */
export function fieldsOf({ headers }: Readonly<{ headers: HeaderMap }>): Record<string, string> {
  const fields = Object.fromEntries(headers.entries());
  assert.equal(
    Object.keys(fields).length,
    headers.size,
    `a header is there twice: ${JSON.stringify(headers.entries())}`,
  );
  return fields;
}
