import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainIndex, withoutPortNumber } from './domains.ts';

const domains = [
  'reviews',
  'reviews.default.svc.cluster.local',
  '*.example.com',
  '*.api.example.com',
  '*-x.io',
  'www.*',
  'www.a.*',
  '*',
  'REVIEWS',
  '[::1]',
];
const index = new DomainIndex(
  domains.map((domain, at) => [domain, at === 8 ? 'duplicate' : domain] as const),
  true,
);

const cases: [authority: string, domain: string][] = [
  ['reviews', 'reviews'],
  ['Reviews', 'reviews'],
  ['reviews:1234', 'reviews'],
  ['reviews.', 'reviews'],
  ['REVIEWS.default.svc.cluster.local.:80', 'reviews.default.svc.cluster.local'],
  ['a.example.com', '*.example.com'],
  ['a.b.example.com', '*.example.com'],
  ['a.api.example.com:443', '*.api.example.com'],
  ['.example.com', '*'],
  ['example.com', '*'],
  ['ab-x.io', '*-x.io'],
  ['www.b', 'www.*'],
  ['www.a.b', 'www.a.*'],
  ['www.example.com', '*.example.com'],
  ['www.', '*'],
  ['[::1]:8080', '[::1]'],
  ['', '*'],
  ['reviews, other', '*'],
];
for (const [authority, domain] of cases) {
  test(`the authority "${authority}" belongs to ${domain}`, () => assert.equal(index.find(authority), domain));
}

test('the port counts where it is not to be ignored', () => {
  const strict = new DomainIndex([['a:80', 1] as const, ['b', 2] as const], false);
  assert.deepEqual(
    ['a:80', 'a', 'b', 'b:80'].map((authority) => strict.find(authority)),
    [1, null, 2, null],
  );
});

test('only a number behind the last colon is a port', () => {
  const authorities = ['a:80', 'a:', 'a:8x', 'a', '[::1]:80', '[::1]', '::1', '10.0.0.1:80'];
  assert.deepEqual(authorities.map(withoutPortNumber), ['a', 'a:', 'a:8x', 'a', '[::1]', '[::1]', '::1', '10.0.0.1']);
});
