import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from './flags.ts';
import { target } from './peers/peers.ts';
import { findScenarios, scenarios } from './scenarios/catalog.ts';

function run(...args: string[]) {
  const flags = parseFlags(args);
  assert.equal(flags.kind, 'run', 'error' in flags ? flags.error : flags.kind);
  if (flags.kind !== 'run') throw new Error('never');
  return flags;
}
const namesOf = (args: string[]) => run(...args).scenarios.map(({ name }) => name);

test('nothing said is the short run of HTTP/1.1', () => {
  const { scenarios, times, runs, wants } = run();
  assert.deepEqual(
    scenarios.map(({ name }) => name),
    ['http1'],
  );
  assert.deepEqual({ times, runs }, { times: { seconds: 5, warmUpSeconds: 3 }, runs: 3 });
  assert.ok(wants(target('haproxy', 'tcp')));
});

test('scenarios are chosen by name, by beginning, and all together', () => {
  assert.deepEqual(namesOf(['-s', 'tcp', '--scenario', 'open-*']), ['open-1000', 'open-5000', 'tcp']);
  assert.equal(namesOf(['--scenario', 'all']).length, scenarios.length);
});

test('a peer means it on every wire, a name of a table means one', () => {
  const byPeer = run('-s', 'all', 'envoy-full').wants;
  assert.ok(
    byPeer(target('envoy-full', 'h2')) && byPeer(target('envoy-full', 'mux')) && !byPeer(target('tulle', 'mux')),
  );
  const byName = run('-s', 'all', 'envoy-full-mux').wants;
  assert.ok(byName(target('envoy-full', 'mux')) && !byName(target('envoy-full', 'http1')));
});

test('what is unknown is refused by name', () => {
  const errorOf = (...args: string[]) => parseFlags(args);
  assert.deepEqual(errorOf('-s', 'http9'), { kind: 'error', error: 'no scenario http9: --list names them' });
  assert.match(JSON.stringify(errorOf('squid')), /squid is none of direct, tulle/);
  assert.deepEqual(errorOf('-t', '0'), { kind: 'error', error: '-t 0 is not a positive number' });
  assert.equal(errorOf('--colour').kind, 'error');
});

test('names of scenarios are unique, and their goals are about targets that they measure', () => {
  const names = scenarios.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { name, goals, targets, columns, plots } of scenarios) {
    const known = new Set(targets.map((each) => each.name));
    for (const goal of goals) {
      assert.ok(known.has(goal.target) && (goal.of === null || known.has(goal.of)), `${name}: ${JSON.stringify(goal)}`);
      assert.ok(columns.includes(goal.figure), `${name} shows no ${goal.figure}`);
    }
    for (const plot of plots) assert.ok(columns.includes(plot), `${name} shows no ${plot}`);
    assert.equal(known.size, targets.length, name);
  }
});

test('a name that no scenario has is told', () => {
  assert.deepEqual(findScenarios(['tcp', 'udp']), { unknown: 'udp' });
});
