import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSpiffeId, parseSpiffeId } from './spiffe-id.ts';

test('reads what it writes', () => {
  const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart.v2' };
  const uri = 'spiffe://cluster.local/ns/shop/sa/cart.v2';
  assert.equal(formatSpiffeId(identity), uri);
  assert.deepEqual(parseSpiffeId(uri), { ok: true, value: identity, warnings: [] });
});

test('refuses every other form', () => {
  const wrong = [
    '',
    'https://cluster.local/ns/shop/sa/cart',
    'SPIFFE://cluster.local/ns/shop/sa/cart',
    'spiffe:///ns/shop/sa/cart',
    'spiffe://Cluster.local/ns/shop/sa/cart',
    'spiffe://cluster.local:80/ns/shop/sa/cart',
    'spiffe://user@cluster.local/ns/shop/sa/cart',
    'spiffe://cluster.local/ns/shop/sa/cart/',
    'spiffe://cluster.local/ns/shop/sa/',
    'spiffe://cluster.local/ns/shop/sa/cart?x=1',
    'spiffe://cluster.local/ns/shop/sa/cart#x',
    'spiffe://cluster.local/ns/shop/../sa/cart',
    'spiffe://cluster.local/ns/../sa/cart',
    'spiffe://cluster.local/ns/shop/sa/..',
    'spiffe://cluster.local/ns/sh%6Fp/sa/cart',
    'spiffe://cluster.local/sa/cart/ns/shop',
    'spiffe://cluster.local//ns/shop/sa/cart',
    `spiffe://cluster.local/ns/shop/sa/${'a'.repeat(3000)}`,
    'spiffe://cluster.local/ns/shop/sa/cart\n',
  ];
  for (const uri of wrong) assert.equal(parseSpiffeId(uri).ok, false, uri);
});
