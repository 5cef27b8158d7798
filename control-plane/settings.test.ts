import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from './settings.ts';

test('defaults are loopback', () => {
  const result = parseSettings(['--config-dir', '/etc/mesh']);
  assert.ok(result.ok && result.value !== 'help');
  assert.deepEqual(
    [result.value.xdsTls, result.value.xdsPlaintext, result.value.admin],
    [{ host: '127.0.0.1', port: 15_012 }, [{ host: '127.0.0.1', port: 15_010 }], { host: '127.0.0.1', port: 8080 }],
  );
});

const refusals: [string[], RegExp][] = [
  [[], /--config-dir: is needed/],
  [['--config-dir', 'x', '--xds-tls', '15012'], /--xds-tls: 15012 is not HOST:PORT/],
  [['--config-dir', 'x', '--admin', 'localhost:99999'], /--admin: localhost:99999 is not HOST:PORT/],
  [['--config-dir', 'x', '--ca-cert', 'a.pem'], /--ca-cert: and --ca-key go together/],
  [['--config-dir', 'x', '--grace-seconds', 'soon'], /--grace-seconds: soon is not a number/],
  [['--config-dir', 'x', '--grace-seconds', ''], /--grace-seconds:  is not a number/],
  [['--config-dir', 'x', '--grace-seconds=-1'], /--grace-seconds: -1 is not a number/],
  [['--config-dir', 'x', '--xds-plaintext', 'on'], /--xds-plaintext: on is not HOST:PORT/],
  [['--config-dir', 'x', '--ca-chain', 'a.pem'], /--ca-chain: needs --ca-cert and --ca-key/],
  [['--config-dir'], /--config-dir/],
  [['folder'], /folder/],
  [['--config-dir', 'x', '--log-level', 'loud'], /--log-level: loud is not one of/],
  [['--config-dir', 'x', '--colour'], /--colour/],
];
for (const [args, expected] of refusals) {
  test(`refuses ${args.join(' ') || 'no flags'} by name`, () => {
    const result = parseSettings(args);
    assert.match(result.ok ? '' : result.problems.map((p) => `${p.path}: ${p.message}`).join('\n'), expected);
  });
}

test('xDS without TLS can be switched off', () => {
  const result = parseSettings(['--config-dir', 'x', '--xds-plaintext', 'off']);
  assert.deepEqual(result.ok && result.value !== 'help' && result.value.xdsPlaintext, []);
});
