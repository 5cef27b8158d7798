import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOfHeaderValue } from './header-value.ts';

test('takes plain values and terminated variables', () => {
  const right = [
    '',
    'foo',
    '%HOSTNAME%',
    '100%%',
    'prefix %HOSTNAME% suffix',
    '%REQ(X-Name)%',
    '%REQ(X-Name):10%'.replace(':10', ' '),
    '%PER_REQUEST_STATE(["a", "b\\"c"])%',
    'ä\tb',
  ];
  for (const value of right) assert.equal(faultOfHeaderValue(value), null, value);
});

test('refuses what the proxy would refuse', () => {
  const wrong = [
    'abc%123',
    '%START_TIME%%',
    '50%',
    '%REQ(x',
    '%REQ(["a" x])%',
    '%REQ([a])%',
    '%REQ(x)y%',
    'a\nb',
    '\x7f',
    '%R(a\\',
  ];
  for (const value of wrong) assert.notEqual(faultOfHeaderValue(value), null, value);
});
