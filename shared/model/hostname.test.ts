import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coversHost, resolveHost } from './hostname.ts';

test('makes a name without a dot a service of the namespace', () => {
  const resolved = ['reviews', 'Reviews', 'reviews.shop', 'example.com', '*', '*.example.com'].map((host) =>
    resolveHost(host, 'default'),
  );
  const full = 'reviews.default.svc.cluster.local';
  assert.deepEqual(resolved, [full, full, 'reviews.shop', 'example.com', '*', '*.example.com']);
});

test('covers names by exact hosts and leading wildcards, in letters of either case', () => {
  assert.equal(coversHost('a.example.com', 'A.Example.com'), true);
  assert.equal(coversHost('*.example.com', 'a.example.com'), true);
  assert.equal(coversHost('*.example.com', 'example.com'), false);
  assert.equal(coversHost('*.example.com', '.example.com'), false);
  assert.equal(coversHost('*', 'anything'), true);
  assert.equal(coversHost('*.com', '*.example.com'), true);
  assert.equal(coversHost('*.example.com', '*.com'), false);
  assert.equal(coversHost('a.example.com', '*.example.com'), false);
});
