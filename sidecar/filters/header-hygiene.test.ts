import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aRequest, aResponse, fieldsOf } from '../telemetry/heads.fixture.ts';
import { aTls } from './contexts.fixture.ts';
import { describeAttempt, HeaderHygiene, mirrorHead, type HygieneOptions } from './header-hygiene.ts';

const sidecar: HygieneOptions = {
  serverName: 'istio-envoy',
  serverHeader: 'overwrite',
  useRemoteAddress: false,
  skipXffAppend: false,
  xffTrustedHops: 0,
  generateRequestId: true,
  preserveExternalRequestId: false,
  forwardClientCert: 'sanitize',
  clientCertDetails: { subject: true, cert: false, chain: false, dns: true, uri: true },
  normalizePath: true,
  mergeSlashes: false,
  escapedSlashes: 'keep',
  stripPort: 'none',
  schemeOverwrite: null,
};
const plaintext = { remoteAddress: '10.77.1.10', localPort: 80, tls: null };

function prepared(
  options: Partial<HygieneOptions>,
  head = aRequest(),
  connection: Parameters<HeaderHygiene['prepareRequest']>[1] = plaintext,
) {
  const reply = new HeaderHygiene({ ...sidecar, ...options }, () => 'new-id').prepareRequest(head, connection);
  return { head, reply, headers: fieldsOf(head) };
}

test('a plain request gets its protocol and an id', () => {
  assert.deepEqual(prepared({}).headers, { 'x-forwarded-proto': 'http', 'x-request-id': 'new-id' });
  assert.deepEqual(prepared({ generateRequestId: false }).headers, { 'x-forwarded-proto': 'http' });
});

test('control headers of an application have no effect, others pass', () => {
  const control = {
    'x-envoy-upstream-rq-timeout-ms': '200',
    'x-envoy-max-retries': '9',
    'x-envoy-retry-on': '5xx',
    'x-envoy-internal': 'true',
    'x-forwarded-client-cert': 'By=forged',
  };
  const passing = {
    'x-envoy-original-path': '/x',
    'x-envoy-decorator-operation': 'op',
    'x-envoy-peer-metadata': 'abc',
    'x-envoy-peer-metadata-id': 'abc',
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-request-id': 'mine',
  };
  assert.deepEqual(prepared({}, aRequest({}, { ...control, ...passing })).headers, passing);
});

test('the scheme of HTTP/1 follows x-forwarded-proto if that is one', () => {
  const scheme = (lines: Record<string, string>, options: Partial<HygieneOptions> = {}) =>
    prepared(options, aRequest({}, lines)).head.scheme;
  assert.equal(scheme({ 'x-forwarded-proto': 'https' }), 'https');
  assert.equal(scheme({ 'x-forwarded-proto': 'gopher' }), 'http');
  assert.equal(scheme({ 'x-forwarded-proto': 'http' }, { schemeOverwrite: 'https' }), 'https');
  assert.equal(prepared({}, aRequest(), { ...plaintext, tls: aTls() }).head.scheme, 'https');
  const http2 = aRequest({ version: 'HTTP/2' }, { 'x-forwarded-proto': 'https' });
  assert.equal(prepared({}, http2).head.scheme, 'http');
});

test('at the edge the peer is appended to x-forwarded-for, and what it claims is not believed', () => {
  const claims = {
    'x-forwarded-for': ['1.2.3.4', '5.6.7.8'],
    'x-forwarded-proto': 'https',
    'x-request-id': 'mine',
    'x-envoy-decorator-operation': 'op',
    'x-envoy-original-path': '/x',
  };
  const edge = { useRemoteAddress: true };
  assert.deepEqual(prepared(edge, aRequest({}, claims)).headers, {
    'x-envoy-external-address': '10.77.1.10',
    'x-forwarded-for': '1.2.3.4,5.6.7.8,10.77.1.10',
    'x-forwarded-proto': 'http',
    'x-request-id': 'new-id',
  });
  const trusting = { ...edge, xffTrustedHops: 1, skipXffAppend: true, preserveExternalRequestId: true };
  assert.deepEqual(prepared(trusting, aRequest({}, { ...claims, 'x-forwarded-for': '1.2.3.4' })).headers, {
    'x-envoy-external-address': '1.2.3.4',
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-request-id': 'mine',
  });
});

test('a request id is a random UUID', () => {
  const head = aRequest();
  new HeaderHygiene(sidecar).prepareRequest(head, plaintext);
  assert.match(
    head.headers.get('x-request-id') ?? '',
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

test('the caller is described to the application behind mutual TLS', () => {
  const { headers } = prepared({ forwardClientCert: 'append_forward' }, aRequest(), { ...plaintext, tls: aTls() });
  assert.match(headers['x-forwarded-client-cert'] ?? '', /^By=spiffe:.*;Hash=ab12;Subject="";URI=spiffe:/);
});

test('of TE only trailers pass', () => {
  assert.equal(prepared({}, aRequest({}, { te: 'gzip, Trailers' })).headers.te, 'trailers');
  assert.equal(prepared({}, aRequest({}, { te: 'gzip' })).headers.te, undefined);
});

test('the port of the authority is stripped as configured', () => {
  const authority = (stripPort: HygieneOptions['stripPort'], from: string) =>
    prepared({ stripPort }, aRequest({ authority: from })).head.authority;
  assert.deepEqual(
    [
      authority('none', 'a:80'),
      authority('matching', 'a:80'),
      authority('matching', 'a:8080'),
      authority('any', 'a:8080'),
    ],
    ['a:80', 'a', 'a:8080', 'a'],
  );
});

test('paths are normalised, or answered', () => {
  assert.equal(prepared({}, aRequest({ path: '/a/../b#f' })).head.path, '/b');
  const rejected = prepared({ escapedSlashes: 'reject' }, aRequest({ path: '/a%2fb' })).reply;
  assert.deepEqual([rejected?.status, rejected?.details], [400, 'path_normalization_failed']);
  const redirected = prepared({ escapedSlashes: 'unescape_and_redirect' }, aRequest({ path: '/a%2fb' })).reply;
  assert.deepEqual([redirected?.status, redirected?.headers], [307, [['location', '/a/b']]]);
  const whole = prepared({}, aRequest({ method: 'OPTIONS', path: '*' })).reply;
  assert.deepEqual([whole?.status, whole?.details, whole?.flag], [404, 'absolute_path_rejected', '']);
});

test('the server header is set as configured', () => {
  const server = (serverHeader: HygieneOptions['serverHeader'], lines: Record<string, string>) => {
    const head = aResponse(200, lines);
    new HeaderHygiene({ ...sidecar, serverHeader }).finishResponse(head, -1);
    return fieldsOf(head);
  };
  assert.deepEqual(server('overwrite', { server: 'app' }), { server: 'istio-envoy' });
  assert.deepEqual(server('append_if_absent', { server: 'app' }), { server: 'app' });
  assert.deepEqual(server('append_if_absent', {}), { server: 'istio-envoy' });
  assert.deepEqual(server('pass_through', {}), {});
});

test('a response says how long the upstream took, in whole milliseconds', () => {
  const head = aResponse();
  new HeaderHygiene(sidecar).finishResponse(head, 12.6);
  assert.equal(head.headers.get('x-envoy-upstream-service-time'), '13');
});

test('an attempt tells its number over what the client claimed, and the time it has if it is bounded', () => {
  const head = aRequest({}, { 'x-envoy-attempt-count': '9' });
  describeAttempt(head, { attempt: 2, expectedTimeoutMs: 0 });
  assert.deepEqual(head.headers.entries(), [['x-envoy-attempt-count', '2']]);
  const other = aRequest();
  describeAttempt(other, { attempt: null, expectedTimeoutMs: 1500 });
  assert.deepEqual(other.headers.entries(), [['x-envoy-expected-rq-timeout-ms', '1500']]);
});

test('a mirrored copy says that it comes from a proxy, and leaves the original alone', () => {
  const head = aRequest({ authority: 'reviews:80' }, { 'x-a': 'b', 'x-forwarded-for': '1.2.3.4' });
  const copy = mirrorHead(head, '10.77.1.10', false);
  assert.deepEqual(fieldsOf(copy), {
    'x-a': 'b',
    'x-envoy-internal': 'true',
    'x-forwarded-for': '1.2.3.4,10.77.1.10',
  });
  assert.deepEqual([copy.authority, head.headers.size], ['reviews:80', 2]);
  assert.equal(mirrorHead(head, '10.77.1.10', true).authority, 'reviews-shadow:80');
});
