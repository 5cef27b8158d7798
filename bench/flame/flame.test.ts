import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flameGraph, shareOf } from './flame-graph.ts';
import { frameName, parseStacks } from './stacks.ts';

const script = `node  4242  100.000001: cpu-clock:pppH:
\tffffffff81a0 tcp_sendmsg+0x27 ([kernel.kallsyms])
\t    7f0a1b JS:*'flush file:///home/a/mesh/sidecar/transport/socket-connection.ts:167:8+0x80 (/tmp/perf-4242.map)
\t    7f0a1c JS:*processImmediate node:internal/timers:525:20 (/tmp/perf-4242.map)
\t    a1b2c3 uv_run+0x1b (/opt/node/bin/node)

node  4242  100.000502: cpu-clock:pppH:
\t    7f0a1c JS:*processImmediate node:internal/timers:525:20 (/tmp/perf-4242.map)
\t    a1b2c3 uv_run+0x1b (/opt/node/bin/node)

node  4242  100.001003: cpu-clock:pppH:
\t    a1b2c3 uv_run+0x1b (/opt/node/bin/node)
\t    a1b2c3 uv_run+0x1b (/opt/node/bin/node)
`;

test('samples become stacks from the outside in, with names without addresses', () => {
  assert.deepEqual(Object.fromEntries(parseStacks(script)), {
    'uv_run;processImmediate node:internal/timers;flush sidecar/transport/socket-connection.ts;[kernel] tcp_sendmsg': 1,
    'uv_run;processImmediate node:internal/timers': 1,
    uv_run: 1,
  });
});

test('frames are named by what they are', () => {
  assert.equal(frameName('Builtins_ArrayPrototypeJoin', '/opt/node'), 'builtin ArrayPrototypeJoin');
  assert.equal(frameName('v8::Function::Call(v8::Local<v8::Context>, int)+0x12', '/opt/node'), 'v8::Function::Call');
  assert.equal(frameName('[unknown]', '/usr/lib/libc.so.6'), '[libc.so.6]');
  assert.equal(
    frameName("JS:*' file:///a/sidecar/compile/http-service.ts:47:10", ''),
    '(anonymous) sidecar/compile/http-service.ts',
  );
});

test('each sample counts once for a share, however often it is on the stack', () => {
  const stacks = new Map([
    ['a;b;a', 1],
    ['a', 1],
    ['c', 2],
  ]);
  assert.equal(
    shareOf(stacks, (frame) => frame === 'a'),
    50,
  );
  assert.equal(
    shareOf(new Map(), () => true),
    0,
  );
});

test('the graph shows frames as wide as their share, callers below, and what is too narrow not at all', () => {
  const stacks = new Map([
    ['main;left <1>', 749],
    ['main;right', 250],
    ['main;tiny', 0.1],
  ]);
  const svg = flameGraph('a title', stacks);
  const widthOf = (name: string) =>
    Number(new RegExp(`${name}: [^/]*/title><rect x="[^"]*" y="[^"]*" width="([^"]*)"`).exec(svg)?.[1]);
  const rowOf = (name: string) => Number(new RegExp(`${name}: [^/]*/title><rect x="[^"]*" y="([^"]*)"`).exec(svg)?.[1]);
  assert.ok(Math.abs(widthOf('left &lt;1&gt;') / widthOf('right') - 3) < 0.02);
  assert.ok(rowOf('main') > rowOf('right'));
  assert.ok(!svg.includes('tiny'));
});
