import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { typeUrls } from '#shared/xds/type-urls.ts';
import { nameTableName } from './name-table.ts';
import type { ProxyNode } from './proxy-node.ts';
import { aMesh, aNode, resourcesOf } from './test-support.ts';
import { indexMesh, translate } from './translate.ts';

const resolving = { metadata: { DNS_CAPTURE: true } };

const entry = (name: string, host: string, more = 'resolution: DNS'): string =>
  `kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [${host}], ports: [{ number: 5432, name: tcp, protocol: TCP }], ${more} }
---
`;
const mesh = (yaml: string, generation = 1) => aMesh(resourcesOf(yaml.replace(/---\n$/, '')), {}, generation);

function tableOf(yaml: string, node: Partial<ProxyNode> = resolving): Readonly<Record<string, unknown>> | undefined {
  const table = translate(indexMesh(mesh(yaml)), aNode(node))
    .get(typeUrls.nameTable)
    ?.get(nameTableName)?.['table'];
  return table as Readonly<Record<string, unknown>> | undefined;
}

const ipsOf = (yaml: string, host: string, node?: Partial<ProxyNode>): unknown =>
  (tableOf(yaml, node)?.[host] as { ips: unknown } | undefined)?.ips;

describe('the table of names', () => {
  test('is for proxies that resolve names, and there when it is empty', () => {
    assert.equal(tableOf(entry('db', 'db.example'), {}), undefined);
    assert.equal(tableOf(entry('db', 'db.example'), { metadata: { DNS_CAPTURE: 'false' } }), undefined);
    assert.deepEqual(tableOf(entry('range', 'range.example', 'resolution: NONE, addresses: [10.0.0.0/8]')), {});
  });

  test('has automatic addresses of the families that the proxy has', () => {
    const yaml = entry('db', 'db.example');
    assert.match(String(ipsOf(yaml, 'db.example')), /^240\.240\./);
    const both = { metadata: { DNS_CAPTURE: 'true' }, ipAddresses: ['10.0.0.1', 'fd00::1'] };
    assert.match(String(ipsOf(yaml, 'db.example', both)), /^240\.240\.[\d.]+,2001:2::f0f0:/);
    const v6 = { ...both, ipAddresses: ['fd00::1'] };
    assert.match(String(ipsOf(yaml, 'db.example', v6)), /^2001:2::f0f0:\w+$/);
    const without = { metadata: { DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'false' } };
    assert.equal(ipsOf(yaml, 'db.example', without), undefined);
    const uncaptured = { ...resolving, interception: 'NONE' as const };
    assert.equal(ipsOf(yaml, 'db.example', uncaptured), undefined, 'nobody would take what is sent there');
  });

  test('prefers the addresses that an entry has, and takes those of the workloads of an entry without resolution', () => {
    assert.deepEqual(ipsOf(entry('db', 'db.example', 'resolution: DNS, addresses: [10.2.2.2]'), 'db.example'), [
      '10.2.2.2',
    ]);
    const endpoints = 'resolution: NONE, endpoints: [{ address: 10.3.3.1 }, { address: 10.3.3.1 }, { address: b.c }]';
    assert.deepEqual(ipsOf(entry('db', 'db.example', endpoints), 'db.example'), ['10.3.3.1']);
  });

  test('has a wildcard with an address under its own name', () => {
    assert.deepEqual(ipsOf(entry('w', "'*.example'", 'resolution: NONE, addresses: [10.2.2.2]'), '*.example'), [
      '10.2.2.2',
    ]);
  });

  test('has what the Sidecar of the namespace lets see, and nothing else', () => {
    const sidecar = 'kind: Sidecar\nmetadata: { name: s }\nspec: { egress: [{ hosts: [./a.example] }] }\n';
    const yaml = `${entry('a', 'a.example')}${entry('b', 'b.example')}${sidecar}`;
    assert.deepEqual(Object.keys(tableOf(yaml) ?? {}), ['a.example']);
  });

  test('stays the same object while it says the same, and for all proxies of which it says the same', () => {
    const first = indexMesh(mesh(`${entry('a', 'a.example')}${entry('b', 'b.example', 'resolution: NONE')}`));
    const second = indexMesh(mesh(entry('a', 'a.example'), 2), first);
    const of = (index: typeof first, name: string) =>
      translate(index, aNode({ name, labels: {}, ...resolving })).get(typeUrls.nameTable);
    assert.equal(of(first, 'x'), of(first, 'y'));
    const elsewhere = aNode({ name: 'z', namespace: 'other', labels: {}, ...resolving });
    assert.equal(
      of(first, 'x'),
      translate(first, elsewhere).get(typeUrls.nameTable),
      'also of scopes that see the same',
    );
    assert.equal(of(first, 'x'), of(second, 'x'));
    const third = indexMesh(mesh(entry('a', 'a.example', 'resolution: DNS, addresses: [10.0.0.1]'), 3), second);
    assert.notEqual(of(third, 'x'), of(second, 'x'));
  });
});

test('two TCP hosts on one port have listeners of their own with automatic addresses, else they share one', () => {
  const yaml = `${entry('a', 'a.example')}${entry('b', 'b.example')}`;
  const names = (node: Partial<ProxyNode>) =>
    [
      ...(translate(indexMesh(mesh(yaml)), aNode(node))
        .get(typeUrls.listener)
        ?.keys() ?? []),
    ].filter((name) => name.endsWith('_5432'));
  assert.deepEqual(names({}), ['0.0.0.0_5432']);
  const own = names(resolving);
  assert.equal(own.length, 2);
  assert.ok(
    own.every((name) => /^240\.240\.\d+\.\d+_5432$/.test(name)),
    String(own),
  );
});
