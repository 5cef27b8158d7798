/** Mutual TLS on both sides, and authorization by principal. */
import { cluster, route, upstreamTls, virtualHost } from '../bootstrap.ts';
import type { Case, Feature } from '../case.ts';
import { request } from '../case.ts';

const name = 'identity';
const get = (path: string, ...lines: string[]) => request(`GET ${path}`, 'identity.test', lines);
const forged = 'x-forwarded-client-cert: By=spiffe://cluster.local/ns/shop/sa/forged';
const as = (title: string, certificate: 'client' | 'other' | 'none', ...lines: string[]): Case => ({
  name: title,
  listener: 'mtls',
  send: [{ bytes: get('/', ...lines), certificate }],
});

export const identity: Feature = {
  name,
  virtualHosts: [virtualHost(name, [route('/good', { cluster: 'tls-good' }), route('/bad', { cluster: 'tls-bad' })])],
  clusters: ({ tls }) => [
    cluster('tls-good', [tls], upstreamTls('spiffe://cluster.local/ns/shop/sa/server')),
    cluster('tls-bad', [tls], upstreamTls('spiffe://cluster.local/ns/shop/sa/somebody-else')),
  ],
  cases: [
    as('the principal that may', 'client'),
    as('a certificate header is appended to', 'client', forged),
    as('a principal that may not', 'other'),
    as('no certificate', 'none'),
    { name: 'an upstream with the right name', send: get('/good') },
    { name: 'an upstream with the wrong name', send: get('/bad') },
  ],
};
