import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterChainMatch } from '../snapshot/listener.ts';
import { ChainMatcher, type ConnectionFacts } from './chain-match.ts';

const aMatch = (match: Partial<FilterChainMatch>): FilterChainMatch => ({
  destinationPort: null,
  destinationCidrs: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  sourceCidrs: [],
  directSourceCidrs: [],
  sourcePorts: [],
  ...match,
});
const facts = (over: Partial<ConnectionFacts>): ConnectionFacts => ({
  destinationAddress: '10.0.0.1',
  destinationPort: 80,
  sourceAddress: '10.9.9.9',
  sourcePort: 5555,
  serverName: '',
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
  ...over,
});
const matcher = (chains: Record<string, Partial<FilterChainMatch>>) =>
  new ChainMatcher(Object.entries(chains).map(([chain, match]) => ({ match: aMatch(match), chain })));

test('the port decides before everything else, without a way back', () => {
  const chains = matcher({
    any: { serverNames: ['a.example'] },
    port: { destinationPort: 80, serverNames: ['b.example'] },
  });
  assert.equal(chains.find(facts({ serverName: 'b.example' })), 'port');
  assert.equal(chains.find(facts({ serverName: 'a.example' })), null);
  assert.equal(chains.find(facts({ serverName: 'a.example', destinationPort: 81 })), 'any');
});

test('the longest prefix range wins', () => {
  const chains = matcher({
    all: {},
    wide: { destinationCidrs: ['10.0.0.0/8'] },
    one: { destinationCidrs: ['10.0.0.1/32'] },
  });
  assert.equal(chains.find(facts({})), 'one');
  assert.equal(chains.find(facts({ destinationAddress: '10.1.0.0' })), 'wide');
  assert.equal(chains.find(facts({ destinationAddress: '11.0.0.0' })), 'all');
});

test('an exact server name comes before the longest suffix', () => {
  const chains = matcher({
    exact: { serverNames: ['x.api.example'] },
    long: { serverNames: ['*.api.example'] },
    short: { serverNames: ['*.example'] },
  });
  assert.equal(chains.find(facts({ serverName: 'X.api.example' })), 'exact');
  assert.equal(chains.find(facts({ serverName: 'y.api.example' })), 'long');
  assert.equal(chains.find(facts({ serverName: 'z.example' })), 'short');
  assert.equal(chains.find(facts({ serverName: 'example' })), null);
});

test('permissive inbound: mesh TLS by ALPN, other TLS and plaintext apart', () => {
  const chains = matcher({
    mesh: { destinationPort: 80, transportProtocol: 'tls', applicationProtocols: ['istio', 'istio-http/1.1'] },
    own: { destinationPort: 80, transportProtocol: 'tls' },
    plain: { destinationPort: 80, transportProtocol: 'raw_buffer' },
    http: { destinationPort: 80, transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1'] },
  });
  assert.equal(chains.find(facts({ transportProtocol: 'tls', applicationProtocols: ['istio'] })), 'mesh');
  assert.equal(chains.find(facts({ transportProtocol: 'tls', applicationProtocols: ['h2'] })), 'own');
  assert.equal(chains.find(facts({})), 'plain');
  assert.equal(chains.find(facts({ applicationProtocols: ['http/1.1'] })), 'http');
});

test('strict: plaintext finds no chain', () => {
  const chains = matcher({ mesh: { destinationPort: 80, transportProtocol: 'tls' } });
  assert.equal(chains.find(facts({})), null);
  assert.equal(chains.needsBytes, true);
});
