import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHostPort } from './host-port.ts';

test('a name, an IPv4 address or an IPv6 address in brackets, and a port', () => {
  assert.deepEqual(parseHostPort('localhost:0'), { host: 'localhost', port: 0 });
  assert.deepEqual(parseHostPort('127.0.0.1:65535'), { host: '127.0.0.1', port: 65_535 });
  assert.deepEqual(parseHostPort('[::1]:15012'), { host: '::1', port: 15_012 });
});

test('anything else is none', () => {
  for (const text of ['', 'localhost', ':80', '::1:80', 'a:65536', 'a:b', 'a:-1', 'a:80 ']) {
    assert.equal(parseHostPort(text), null, text);
  }
});
