import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeInheritance, parseInheritance } from './inheritance.ts';

const inheritance = { sockets: [{ name: 'inbound', address: '::', port: 15_006, fd: 6 }], line: 4, life: 5 };

test('is read as it was written', () => {
  assert.deepEqual(parseInheritance(encodeInheritance(inheritance)), { ok: true, value: inheritance, warnings: [] });
  for (const nothing of [undefined, ''])
    assert.deepEqual(parseInheritance(nothing), { ok: true, value: null, warnings: [] });
});

test('what it cannot be is refused, each problem with its place', () => {
  const problemsOf = (text: string) => {
    const result = parseInheritance(text);
    assert.ok(!result.ok);
    return result.problems.map(({ path, message }) => `${path} ${message}`);
  };
  assert.deepEqual(problemsOf('{'), ['TULLE_INHERITED is not JSON']);
  assert.deepEqual(problemsOf('null'), [
    'TULLE_INHERITED.line is not a descriptor',
    'TULLE_INHERITED.life is not a descriptor',
    'TULLE_INHERITED.sockets is not a list',
  ]);
  const [socket] = inheritance.sockets;
  for (const change of [{ fd: 2 }, { fd: '5' }, { port: 65_536 }, { name: 1 }, { address: null }])
    assert.deepEqual(problemsOf(JSON.stringify({ line: 4, life: 5, sockets: [socket, { ...socket, ...change }] })), [
      'TULLE_INHERITED.sockets[1] is not a socket with name, address, port and fd',
    ]);
});
