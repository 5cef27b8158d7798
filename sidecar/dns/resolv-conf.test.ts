import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyResolvConf, parseResolvConf } from './resolv-conf.ts';

test('reads servers, search domains and options', () => {
  const text = `# made by the kubelet
search shop.svc.cluster.local svc.cluster.local cluster.local ; comment
nameserver 10.96.0.10
nameserver\t fd00::a
options ndots:5 timeout:2 attempts:3
`;
  assert.deepEqual(parseResolvConf(text), {
    servers: [
      { host: '10.96.0.10', port: 53 },
      { host: 'fd00::a', port: 53 },
    ],
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    timeoutMs: 2000,
    attempts: 3,
  });
});

test('a server may have a port; one that is no address is left out', () => {
  const text = 'nameserver [127.0.0.1]:5353\nnameserver [::1]:0\nnameserver dns.example\nnameserver\n';
  assert.deepEqual(parseResolvConf(text).servers, [{ host: '127.0.0.1', port: 5353 }]);
});

test('of domain and search the last holds', () => {
  assert.deepEqual(parseResolvConf('search a b\ndomain c').search, ['c']);
  assert.deepEqual(parseResolvConf('domain c\nsearch a b').search, ['a', 'b']);
});

test('options out of their range are as in the system’s resolver, and an empty file says nothing', () => {
  const { timeoutMs, attempts } = parseResolvConf('options timeout:99 attempts:0');
  assert.deepEqual([timeoutMs, attempts], [30_000, 2]);
  assert.deepEqual(parseResolvConf(''), emptyResolvConf);
});
