import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RedirectAction } from '../snapshot/route.ts';
import { aRequest } from '../telemetry/heads.fixture.ts';
import { compileRedirect } from './redirect.ts';
import { aPath } from './routes.fixture.ts';

const plain: RedirectAction = {
  kind: 'redirect',
  status: 301,
  scheme: null,
  httpsRedirect: false,
  host: null,
  port: null,
  path: null,
  stripQuery: false,
};
const full = (value: string) => ({ path: { kind: 'full', value } as const });
const prefix = (value: string) => ({ path: { kind: 'prefix', value } as const });

const cases: [match: string, action: Partial<RedirectAction>, url: string, location: string][] = [
  ['/path', full('/new'), 'http://reviews/path?q=1', 'http://reviews/new?q=1'],
  ['/auth', { host: 'new.example.com' }, 'http://reviews/auth', 'http://new.example.com/auth'],
  ['/auth', { host: 'new.example.com' }, 'http://reviews:8080/auth', 'http://new.example.com/auth'],
  ['/scheme', { scheme: 'https' }, 'http://reviews/scheme', 'https://reviews/scheme'],
  ['/scheme', { scheme: 'https' }, 'http://reviews:8080/scheme', 'https://reviews:8080/scheme'],
  ['/scheme', { scheme: 'https' }, 'http://reviews:80/scheme', 'https://reviews/scheme'],
  ['/scheme', { scheme: 'http' }, 'http://reviews:80/scheme', 'http://reviews:80/scheme'],
  ['/scheme', { httpsRedirect: true }, 'http://[::1]:80/scheme', 'https://[::1]/scheme'],
  ['/scheme', { httpsRedirect: true }, 'http://[::1]/scheme', 'https://[::1]/scheme'],
  ['/port', { port: 8443, scheme: 'https' }, 'http://reviews/port', 'https://reviews:8443/port'],
  ['/port', { port: 8443 }, 'http://reviews:8080/port', 'http://reviews:8443/port'],
  ['/prefix/*', full('/p'), 'http://reviews/prefix/a/b', 'http://reviews/p'],
  ['/keep/*', full('%PREFIX()%/p'), 'http://reviews/keep/a', 'http://reviews/%PREFIX()%/p'],
  [
    '/all',
    { ...full('/n'), host: 'a.example.com', scheme: 'https', port: 444 },
    'http://reviews/all',
    'https://a.example.com:444/n',
  ],
  ['/pref*', prefix('/'), 'http://reviews/pref/a?q', 'http://reviews//a?q'],
  ['/pref*', prefix('/p'), 'http://reviews/pref/a', 'http://reviews/p/a'],
  ['/q', { ...full('/n?x=y'), stripQuery: true }, 'http://reviews/q?a=b', 'http://reviews/n?x=y'],
  ['/q', { stripQuery: true }, 'http://reviews/q?a=b', 'http://reviews/q'],
  ['/q', { ...full('/n'), stripQuery: true }, 'http://reviews/q?a=b', 'http://reviews/n'],
  [
    '/r*',
    { path: { kind: 'regex', rewrite: { pattern: '^/r/(.*)$', substitution: String.raw`/n/\1` } } },
    'http://reviews/r/a?q',
    'http://reviews/n/a?q',
  ],
];
for (const [match, action, url, location] of cases) {
  test(`${url} under ${JSON.stringify(action)} is sent to ${location}`, () => {
    const problems: [] = [];
    const compiled = compileRedirect(aPath(match), { ...plain, ...action }, { path: '', problems });
    const [, authority = '', path = ''] = /^http:\/\/([^/]+)(.*)$/.exec(url) ?? [];
    assert.equal(compiled(aRequest({ authority, path }, { 'x-forwarded-proto': 'http' })), location);
    assert.deepEqual(problems, []);
  });
}

test('the scheme of the request is kept, as x-forwarded-proto gave it', () => {
  const compiled = compileRedirect(aPath('/path'), { ...plain, ...full('/new') }, { path: '', problems: [] });
  assert.equal(compiled(aRequest({ scheme: 'https' }, { 'x-forwarded-proto': 'https' })), 'https://reviews/new');
});
