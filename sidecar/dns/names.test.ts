import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aTable } from './dns.fixture.ts';
import { Names, type Place } from './names.ts';

const place: Place = { namespace: 'shop', domain: 'svc.cluster.local', search: 'shop.svc.cluster.local' };
const table = aTable({
  'orders.shop.svc.cluster.local': ['10.0.0.1'],
  'users.login.svc.cluster.local': ['10.0.0.2', 'fd00::2'],
  'Pay.example.com': ['240.240.0.1'],
  '*.wild.example.com': ['240.240.0.2'],
  '*.more.wild.example.com': ['240.240.0.3'],
  'far.away.svc.other.domain': ['10.9.9.9'],
});

function found(name: string, where: Partial<Place> = {}): string {
  const result = new Names(table, { ...place, ...where }).find(name);
  if (result === null) return 'unknown';
  const { addresses, alias } = result;
  return [...(alias === null ? [] : [`alias ${alias}`]), ...addresses.v4, ...addresses.v6].join(' ');
}

describe('names of the mesh', () => {
  for (const [name, what] of [
    // In full, and in short forms from the own namespace and from others.
    ['orders.shop.svc.cluster.local', '10.0.0.1'],
    ['orders.shop.svc', '10.0.0.1'],
    ['orders.shop', '10.0.0.1'],
    ['orders', '10.0.0.1'],
    ['users.login', '10.0.0.2 fd00::2'],
    ['users', 'unknown'],
    ['orders.shop.svc.cluster', 'unknown'],
    // As a resolver asks by its search domains.
    ['users.login.shop.svc.cluster.local', 'alias users.login 10.0.0.2 fd00::2'],
    ['users.login.svc.cluster.local.shop.svc.cluster.local', 'alias users.login.svc.cluster.local 10.0.0.2 fd00::2'],
    ['pay.example.com.shop.svc.cluster.local', 'alias pay.example.com 240.240.0.1'],
    ['pay.example.com.svc.cluster.local', 'unknown'],
    ['pay.example.com.shop.svc.cluster.local.shop.svc.cluster.local', 'unknown'],
    ['shop.svc.cluster.local', 'unknown'],
    // Letters of the table in either case.
    ['pay.example.com', '240.240.0.1'],
    // Wildcards: any number of labels, never none, the longest wins.
    ['a.wild.example.com', '240.240.0.2'],
    ['b.a.wild.example.com', '240.240.0.2'],
    ['a.more.wild.example.com', '240.240.0.3'],
    ['more.wild.example.com', '240.240.0.2'],
    ['wild.example.com', 'unknown'],
    ['xwild.example.com', 'unknown'],
    ['a.wild.example.com.shop.svc.cluster.local', 'alias a.wild.example.com 240.240.0.2'],
    // Of another domain there are no short forms.
    ['far.away.svc.other.domain', '10.9.9.9'],
    ['far.away', 'unknown'],
    ['', 'unknown'],
    ['com', 'unknown'],
  ] as const)
    test(`'${name}' is ${what}`, () => assert.equal(found(name), what));

  test('without search domains nothing is an alias', () => {
    assert.equal(found('users.login.shop.svc.cluster.local', { search: '' }), 'unknown');
  });

  test('a name in full goes before a short form of another, and a real name before an alias', () => {
    const clash = aTable({
      'a.b.svc.cluster.local': ['10.0.0.1'],
      'a.b': ['10.0.0.2'],
      'a.shop.svc.cluster.local': ['10.0.0.3'],
      '*.local': ['10.0.0.4'],
      '*.example': ['10.0.0.5'],
    });
    const names = new Names(clash, place);
    assert.deepEqual(names.find('a.b')?.addresses.v4, ['10.0.0.2']);
    assert.deepEqual(names.find('a.shop.svc.cluster.local'), { addresses: { v4: ['10.0.0.3'], v6: [] }, alias: null });
    // The wildcard that says more, counted with the search domain.
    assert.equal(names.find('x.example.shop.svc.cluster.local')?.alias, 'x.example');
    assert.deepEqual(names.find('x.nowhere.local')?.addresses.v4, ['10.0.0.4']);
  });

  test('a pod of a headless service has the short forms of its own name', () => {
    const pod = {
      addresses: ['10.0.0.7'],
      isKubernetes: true,
      shortname: 'db-0.db',
      namespace: 'shop',
      otherHosts: [],
    };
    const names = new Names(new Map([['db-0.db.shop.svc.cluster.local', pod]]), place);
    for (const name of ['db-0.db', 'db-0.db.shop', 'db-0.db.shop.svc', 'db-0.db.shop.svc.cluster.local'])
      assert.deepEqual(names.find(name)?.addresses.v4, ['10.0.0.7'], name);
    assert.equal(names.find('db-0'), null);
  });

  test('what cannot stand in a message, or has no addresses, is left out', () => {
    const names = new Names(aTable({ [`${'x'.repeat(64)}.y`]: ['10.0.0.1'], 'ü.example': ['10.0.0.1'], e: [] }), place);
    assert.equal(names.size, 0);
  });
});
