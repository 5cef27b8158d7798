import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CorsConfig } from '../snapshot/http-filter.ts';
import type { StringMatch } from '../snapshot/matchers.ts';
import { aRequest, aResponse, fieldsOf } from '../telemetry/heads.fixture.ts';
import { aContext } from './contexts.fixture.ts';
import { CorsFilter } from './cors.ts';

const exact = (value: string): StringMatch => ({ kind: 'exact', value, ignoreCase: false });
const all = { numerator: 100, denominator: 100 } as const;
const policy: CorsConfig = {
  allowOrigins: [exact('http://foo.example')],
  allowMethods: 'GET,PUT',
  allowHeaders: 'X-Custom,content-type',
  exposeHeaders: 'x-expose',
  maxAge: '86400',
  allowCredentials: true,
  forwardNotMatchingPreflights: true,
  enabled: all,
};
const bare: CorsConfig = {
  ...policy,
  allowMethods: '',
  allowHeaders: '',
  exposeHeaders: '',
  maxAge: '',
  allowCredentials: false,
};

type Outcome = { status: number | 'forwarded'; headers: Record<string, string> };

/** What a client gets; the application answers 200 with these headers. */
function ask(
  cors: CorsConfig,
  method: string,
  lines: Record<string, string>,
  answer: Record<string, string> = {},
): Outcome {
  const filter = new CorsFilter(null, { path: '', problems: [] });
  const context = aContext({ request: aRequest({ method }, lines), overrides: [{ cors }] });
  const verdict = filter.onRequest(context);
  if (verdict.kind === 'reply') {
    assert.equal(verdict.reply.details, 'cors_response');
    return { status: verdict.reply.status, headers: Object.fromEntries(verdict.reply.headers) };
  }
  const response = aResponse(200, answer);
  filter.onResponse(context, response);
  return { status: 'forwarded', headers: fieldsOf(response) };
}

const preflight = (origin: string, wanted = 'PUT') => ({ origin, 'access-control-request-method': wanted });
const simpleHeaders = {
  'access-control-allow-origin': 'http://foo.example',
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'x-expose',
};
const preflightHeaders = {
  ...simpleHeaders,
  'access-control-allow-methods': 'GET,PUT',
  'access-control-allow-headers': 'X-Custom,content-type',
  'access-control-max-age': '86400',
};
const forwarded: Outcome = { status: 'forwarded', headers: {} };

test('a preflight of an allowed origin is answered with the whole policy, whatever method it asks for', () => {
  for (const wanted of ['PUT', 'DELETE']) {
    assert.deepEqual(ask(policy, 'OPTIONS', preflight('http://foo.example', wanted)), {
      status: 200,
      headers: preflightHeaders,
    });
  }
});

test('a preflight of another origin goes to the application, or is answered without the headers that would allow it', () => {
  assert.deepEqual(ask(policy, 'OPTIONS', preflight('http://bar.example')), forwarded);
  const ignoring = { ...policy, forwardNotMatchingPreflights: false };
  const {
    'access-control-allow-origin': _origin,
    'access-control-expose-headers': _exposed,
    ...others
  } = preflightHeaders;
  assert.deepEqual(ask(ignoring, 'OPTIONS', preflight('http://bar.example')), { status: 200, headers: others });
});

test('a star for methods or headers stands for those that are asked for', () => {
  const cors = { ...bare, allowMethods: '*', allowHeaders: '*' };
  const lines = { ...preflight('http://foo.example'), 'access-control-request-headers': 'x-A, x-b' };
  assert.deepEqual(ask(cors, 'OPTIONS', lines).headers, {
    'access-control-allow-origin': 'http://foo.example',
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-A, x-b',
  });
  const none = ask(cors, 'OPTIONS', preflight('http://foo.example')).headers;
  assert.equal(none['access-control-allow-headers'], '');
});

test('routes to no cluster have no CORS', () => {
  const filter = new CorsFilter(null, { path: '', problems: [] });
  const request = aRequest({ method: 'OPTIONS' }, preflight('http://foo.example'));
  const context = aContext({ request, overrides: [{ cors: policy }], clusterName: '' });
  assert.deepEqual(filter.onRequest(context), { kind: 'continue' });
});

test('OPTIONS without a requested method is an ordinary request', () => {
  assert.deepEqual(ask(policy, 'OPTIONS', { origin: 'http://foo.example' }), {
    status: 'forwarded',
    headers: simpleHeaders,
  });
});

test('ordinary responses are marked for allowed origins only', () => {
  assert.deepEqual(ask(policy, 'GET', { origin: 'http://foo.example' }), {
    status: 'forwarded',
    headers: simpleHeaders,
  });
  for (const origin of ['http://bar.example', 'HTTP://FOO.EXAMPLE', '']) {
    assert.deepEqual(ask(policy, 'GET', { origin }), forwarded);
  }
  assert.deepEqual(ask(policy, 'GET', {}), forwarded);
});

test("the policy's headers replace the application's own", () => {
  const answer = { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'false' };
  assert.deepEqual(ask(policy, 'GET', { origin: 'http://foo.example' }, answer).headers, simpleHeaders);
});

test('origins may be patterns, which must match whole', () => {
  const allowOrigins: StringMatch[] = [
    { kind: 'regex', pattern: String.raw`https?://(a|b)\.example` },
    { kind: 'prefix', value: 'http://dev.', ignoreCase: false },
  ];
  const cors = { ...bare, allowOrigins, allowMethods: 'POST' };
  assert.deepEqual(ask(cors, 'OPTIONS', preflight('https://b.example')), {
    status: 200,
    headers: { 'access-control-allow-methods': 'POST', 'access-control-allow-origin': 'https://b.example' },
  });
  assert.deepEqual(ask(cors, 'OPTIONS', preflight('https://b.example.evil')), forwarded);
  assert.deepEqual(ask(cors, 'GET', { origin: 'http://dev.any' }).headers, {
    'access-control-allow-origin': 'http://dev.any',
  });
});

test('a star takes any origin, and answers with that origin', () => {
  const cors = { ...bare, allowOrigins: [exact('*')] };
  assert.deepEqual(ask(cors, 'GET', { origin: 'http://x.example' }).headers, {
    'access-control-allow-origin': 'http://x.example',
  });
});

test('without a policy nothing is done, nor for the share that is not enabled', () => {
  const filter = new CorsFilter(null, { path: '', problems: [] });
  const request = aRequest({ method: 'OPTIONS' }, preflight('http://foo.example'));
  assert.deepEqual(filter.onRequest(aContext({ request })), { kind: 'continue' });
  const off = { ...policy, enabled: { numerator: 0, denominator: 100 } as const };
  assert.deepEqual(ask(off, 'OPTIONS', preflight('http://foo.example')), forwarded);
});
