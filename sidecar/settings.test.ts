import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from './settings.ts';

const needed = ['--control-plane', 'h:1', '--ca-cert', 'root.pem', '--name', 'a'];
const inboundOf = (...flags: string[]) => {
  const settings = parseSettings([...needed, ...flags], {});
  assert.ok(settings.ok && settings.value !== 'help' && settings.value.kind === 'meshed');
  return settings.value.inbound;
};

test('an application port is mapped by its number, and by the name of the service port that it serves', () => {
  assert.deepEqual(inboundOf('--inbound', '8080:15080', '--inbound', 'http-api=3000:15300'), {
    8080: 15_080,
    3000: 15_300,
    'http-api': 15_300,
  });
});

test('a mapping that is none is refused by name', () => {
  for (const text of ['8080', 'a:b', '=1:2', 'HTTP=1:2', '1:2:3']) {
    const settings = parseSettings([...needed, '--inbound', text], {});
    assert.deepEqual(settings.ok ? [] : settings.problems.map(({ path }) => path), ['--inbound'], text);
  }
});

test('all problems are told at once', () => {
  const settings = parseSettings(['--inbound', 'x', '--drain-seconds', 'soon'], {});
  assert.deepEqual(settings.ok ? [] : settings.problems.map(({ path }) => path).toSorted(), [
    '--ca-cert',
    '--control-plane',
    '--drain-seconds',
    '--inbound',
  ]);
});
