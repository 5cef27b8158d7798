import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainMatch, type TcpChain } from './tcp-chain.ts';
import { uniqueChains } from './unique-chains.ts';

const aChain = (ranges: readonly string[], names: readonly string[] = []): TcpChain => ({
  match: chainMatch(ranges, names),
  filters: [],
});
const matches = (...chains: readonly TcpChain[]) => uniqueChains(chains).map(({ match }) => match);

test('a name that an earlier chain has is taken out of a later one', () => {
  assert.deepEqual(matches(aChain([], ['a.com', 'b.com']), aChain([], ['b.com', 'c.com'])), [
    { server_names: ['a.com', 'b.com'] },
    { server_names: ['c.com'] },
  ]);
});

test('a chain that has nothing left goes', () => {
  assert.equal(matches(aChain([], ['a.com']), aChain([], ['A.com'])).length, 1);
  assert.equal(matches(aChain([]), aChain([]), aChain(['10.0.0.0/8'])).length, 2);
});

test('the same name at another address is another match', () => {
  const [, , third] = matches(
    aChain(['10.0.0.0/8'], ['a.com']),
    aChain([], ['a.com']),
    aChain(['10.0.0.0/8', '192.0.2.1'], ['a.com']),
  );
  assert.deepEqual(third, chainMatch(['192.0.2.1'], ['a.com']));
});

test('what takes HTTP only is no match of the same kind', () => {
  const http: TcpChain = { match: { transport_protocol: 'raw_buffer' }, filters: [] };
  assert.equal(matches(http, aChain([]), http).length, 2);
});

test('`*` among the names takes every connection', () => {
  assert.deepEqual(chainMatch(['2001:db8::1'], ['a.com', '*']), {
    prefix_ranges: [{ address_prefix: '2001:db8::1', prefix_len: 128 }],
  });
});
