import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../settings.ts';

const meshed = ['--control-plane', '127.0.0.1:15012', '--ca-cert', '/ca.pem', '--name', 'orders-1'];

function dnsOf(...flags: string[]): unknown {
  const result = parseSettings([...meshed, ...flags], {});
  if (!result.ok) return result.problems.map(({ path, message }) => `${path} ${message}`);
  assert.ok(result.value !== 'help' && result.value.kind === 'meshed');
  return result.value.dns;
}

test('there is a DNS proxy where it is asked for', () => {
  assert.equal(dnsOf(), null);
  assert.equal(dnsOf('--dns', 'off'), null);
  assert.deepEqual(dnsOf('--dns', '127.0.0.1:15053'), {
    address: { host: '127.0.0.1', port: 15_053 },
    resolvConf: '/etc/resolv.conf',
  });
  assert.deepEqual(dnsOf('--dns', 'localhost:53', '--resolv-conf', '/other'), {
    address: { host: 'localhost', port: 53 },
    resolvConf: '/other',
  });
  assert.deepEqual(dnsOf('--dns', '[::1]:15053'), {
    address: { host: '::1', port: 15_053 },
    resolvConf: '/etc/resolv.conf',
  });
});

test('it is for the own machine alone', () => {
  assert.deepEqual(dnsOf('--dns', '0.0.0.0:53'), ['--dns 0.0.0.0 is not of the loopback']);
  assert.deepEqual(dnsOf('--dns', '127.evil.example:53'), ['--dns 127.evil.example is not of the loopback']);
  assert.deepEqual(dnsOf('--dns', 'on'), ['--dns on is not HOST:PORT, nor off']);
});
