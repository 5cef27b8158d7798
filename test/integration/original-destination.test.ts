/**
 * The original destination of connections that iptables redirected, in a network namespace of its own. Needs root, `ip` and
 * `iptables`.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';

const namespace = `tulle-${process.pid}`;

const has = (command: string) => spawnSync(command, ['--version']).error === undefined;
const missing =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : (['ip', 'iptables'].filter((command) => !has(command)).map((command) => `needs ${command}`)[0] ?? false);

/** Runs inside of the namespace: listens on 15001, is sent what goes to 10.99.0.1:8080, and prints what was meant. */
const program = `
  import { createServer, connect } from 'node:net';
  import { loadOriginalDestination } from './sidecar/net/original-destination.ts';
  const destinationOf = await loadOriginalDestination();
  const server = createServer((socket) => {
    console.log(JSON.stringify(destinationOf(socket)));
    socket.destroy();
    server.close();
  });
  server.listen(15001, '0.0.0.0', () => connect(8080, '10.99.0.1').on('error', () => undefined));
`;

test('iptables REDIRECT: the destination that the client meant is read', { skip: missing }, () => {
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' });
  const inside = (...args: string[]) => run('ip', 'netns', 'exec', namespace, ...args);
  run('ip', 'netns', 'add', namespace);
  try {
    inside('ip', 'link', 'set', 'lo', 'up');
    inside('ip', 'addr', 'add', '10.99.0.1/32', 'dev', 'lo');
    inside(
      'iptables',
      '-t',
      'nat',
      '-A',
      'OUTPUT',
      '-p',
      'tcp',
      '--dport',
      '8080',
      '-j',
      'REDIRECT',
      '--to-ports',
      '15001',
    );
    const printed = inside(process.execPath, '--input-type=module-typescript', '--eval', program).toString();
    assert.deepEqual(JSON.parse(printed), { address: '10.99.0.1', port: 8080 });
  } finally {
    run('ip', 'netns', 'delete', namespace);
  }
});
