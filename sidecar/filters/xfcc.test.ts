import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aRequest } from '../telemetry/heads.fixture.ts';
import type { TlsFacts } from '../transport/transport.ts';
import { aTls } from './contexts.fixture.ts';
import { ForwardedClientCert, type XfccOptions } from './xfcc.ts';

const details = { subject: true, cert: false, chain: false, dns: true, uri: true };
const own =
  'By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12;Subject="";URI=spiffe://cluster.local/ns/default/sa/client';

function forwarded(mode: XfccOptions['forwardClientCert'], tls: TlsFacts | null, sent?: string): string | undefined {
  const head = aRequest({}, sent === undefined ? {} : { 'x-forwarded-client-cert': sent });
  new ForwardedClientCert({ forwardClientCert: mode, clientCertDetails: details }).apply(head, tls);
  return head.headers.getJoined('x-forwarded-client-cert');
}

const oneWay = aTls({ peerCertificateSha256: '', peerUriSans: [] });
const cases: [
  mode: XfccOptions['forwardClientCert'],
  over: string,
  tls: TlsFacts | null,
  result: string | undefined,
][] = [
  ['sanitize', 'mutual TLS', aTls(), undefined],
  ['sanitize', 'plaintext', null, undefined],
  ['forward_only', 'mutual TLS', aTls(), 'sent'],
  ['forward_only', 'plaintext', null, undefined],
  ['append_forward', 'mutual TLS', aTls(), `sent,${own}`],
  ['append_forward', 'plaintext', null, undefined],
  ['append_forward', 'TLS without a certificate', oneWay, undefined],
  ['sanitize_set', 'mutual TLS', aTls(), own],
  ['sanitize_set', 'plaintext', null, undefined],
  ['always_forward_only', 'plaintext', null, 'sent'],
];
for (const [mode, over, tls, result] of cases) {
  test(`${mode} over ${over} makes ${result ?? 'nothing'} of what was sent`, () => {
    assert.equal(forwarded(mode, tls, 'sent'), result);
  });
}

test('the caller is described to an application that was sent nothing', () => {
  assert.equal(forwarded('append_forward', aTls()), own);
});

test('several names are listed, and quotes in a subject cannot end it', () => {
  const tls = aTls({
    peerSubject: 'CN="a",O=b',
    peerUriSans: ['spiffe://a', 'spiffe://b'],
    peerDnsSans: ['a.example'],
  });
  assert.equal(
    forwarded('sanitize_set', tls),
    'By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12;Subject="CN=\\"a\\",O=b";URI=spiffe://a;URI=spiffe://b;DNS=a.example',
  );
});
