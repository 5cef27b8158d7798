import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, boolean, constantFrom, property, tuple } from 'fast-check';
import { canonicalPath, normalizePath, queryParameter, type PathOptions } from './path.ts';

const base: PathOptions = { normalizePath: true, mergeSlashes: false, escapedSlashes: 'keep' };

const cases: [from: string, to: string][] = [
  ['/admin', '/admin'],
  ['//admin', '//admin'],
  ['/x/../admin', '/admin'],
  ['/%61dmin', '/admin'],
  ['/x/%2e%2e/admin', '/admin'],
  ['/x/.%2E/admin', '/admin'],
  ['/admin%2fx', '/admin%2fx'],
  ['/admin%5cx', '/admin%5cx'],
  [String.raw`/x\..\admin`, '/admin'],
  ['/ADMIN', '/ADMIN'],
  ['/admin;x=y', '/admin;x=y'],
  ['/admin/', '/admin/'],
  ['/x?y=//a/../admin', '/x?y=//a/../admin'],
  ['/a/./b/.', '/a/b/'],
  ['/a/b/..', '/a/'],
  ['/..', '/'],
  ['/../../a', '/a'],
  ['/a//../b', '/a/b'],
  ['/.a/..b/c..', '/.a/..b/c..'],
  ['/%zz%4', '/%zz%4'],
  ['/%25%2561', '/%25%2561'],
  ['/a b"<>`{}', '/a%20b%22%3C%3E%60%7B%7D'],
  ['/caf\u00c3\u00a9', '/caf%C3%A9'],
  ['/a#b?c', '/a'],
  ['/a?b#c', '/a?b'],
  ['*', '*'],
  ['reviews:443', 'reviews:443'],
];
for (const [from, to] of cases) {
  test(`${from} is normalised to ${to}`, () => {
    assert.deepEqual(normalizePath(from, base), { kind: 'path', path: to });
  });
}

test('nothing is resolved when normalisation is off, but the fragment is cut off', () => {
  const off = { ...base, normalizePath: false };
  assert.deepEqual(normalizePath('/a/../%61#f', off), { kind: 'path', path: '/a/../%61' });
});

test('slashes are merged in the path, not in the query', () => {
  const merging = { ...base, mergeSlashes: true };
  assert.deepEqual(normalizePath('//a///b?c=//d', merging), { kind: 'path', path: '/a/b?c=//d' });
});

const escaped: [mode: PathOptions['escapedSlashes'], from: string, expected: ReturnType<typeof normalizePath>][] = [
  ['reject', '/a%2Fb', { kind: 'reject' }],
  ['reject', '/a?b=%2F', { kind: 'path', path: '/a?b=%2F' }],
  ['unescape_and_forward', '/a%2fb%5Cc?d=%2F', { kind: 'path', path: '/a/b/c?d=%2F' }],
  ['unescape_and_forward', '/a%2f..%2fb', { kind: 'path', path: '/b' }],
  ['unescape_and_redirect', '/a%2fb?c', { kind: 'redirect', path: '/a/b?c' }],
  ['unescape_and_redirect', '/a/../b', { kind: 'path', path: '/b' }],
];
for (const [escapedSlashes, from, expected] of escaped) {
  test(`escaped slashes of ${from} under ${escapedSlashes}`, () => {
    assert.deepEqual(normalizePath(from, { ...base, escapedSlashes }), expected);
  });
}

test('a normalised path is normalised already, and holds no dot segment', () => {
  const piece = constantFrom('/', '.', '..', '%2e', '%2F', 'a', '\\', '%', '%61', ' ', '~');
  check(
    property(array(piece), (pieces) => {
      const once = canonicalPath(`/${pieces.join('')}`);
      assert.equal(canonicalPath(once), once);
      assert(!once.split('/').some((segment) => segment === '.' || segment === '..'));
    }),
  );
});

test('a query parameter is found as URLSearchParams finds it, but not decoded', () => {
  const name = constantFrom('a', 'b', 'ab');
  const parameter = tuple(name, constantFrom('', '1', 'a', 'b'), boolean());
  check(
    property(array(parameter), name, (parameters, wanted) => {
      const query = parameters.map(([key, value, bare]) => (bare ? key : `${key}=${value}`)).join('&');
      assert.equal(queryParameter(`/p?${query}`, wanted), new URLSearchParams(query).get(wanted));
    }),
  );
});
