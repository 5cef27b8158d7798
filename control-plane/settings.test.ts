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
  [[], /one of --config-dir, --kubernetes and --kubeconfig is needed, none is given/],
  [['--config-dir', 'x', '--kubernetes'], /--config-dir and --kubernetes are given/],
  [['--kubernetes', '--kubeconfig', 'x'], /--kubernetes and --kubeconfig are given/],
  [['--config-dir', 'x', '--webhooks', 'off'], /--webhooks: is for a cluster/],
  [['--kubernetes', '--context', 'x'], /--context: needs --kubeconfig/],
  [['--kubernetes', '--webhooks', '443'], /--webhooks: 443 is not HOST:PORT/],
  [
    ['--kubernetes', '--ca-cert', 'a', '--ca-key', 'b'],
    /--ca-cert: on Kubernetes the authority is given in the Secret/,
  ],
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

test('in a cluster everything is reached from outside of the pod, from outside of it from loopback', () => {
  const addresses = (...args: readonly string[]) => {
    const result = parseSettings(args);
    assert.ok(result.ok && result.value !== 'help' && result.value.source.kind === 'kubernetes');
    const { source, xdsTls, xdsPlaintext, monitoring } = result.value;
    return [source.webhooks, xdsTls, monitoring, ...xdsPlaintext].map((at) =>
      at === null ? 'off' : `${at.host}:${at.port}`,
    );
  };
  assert.deepEqual(addresses('--kubernetes'), ['0.0.0.0:15017', '0.0.0.0:15012', '0.0.0.0:15014']);
  const outside = ['127.0.0.1:15017', '127.0.0.1:15012', 'off', '127.0.0.1:15010'];
  assert.deepEqual(addresses('--kubeconfig', '/k'), outside);
  assert.deepEqual(addresses('--kubernetes', '--webhooks', 'off', '--monitoring', 'off'), [
    'off',
    '0.0.0.0:15012',
    'off',
  ]);
});

test('a cluster is known by its kubeconfig, its namespaces and what this replica is called', () => {
  const result = parseSettings([
    '--kubeconfig',
    '/k',
    '--context',
    'c',
    '--namespace',
    'mesh',
    '--watch-namespaces',
    'a, b,',
  ]);
  assert.ok(result.ok && result.value !== 'help' && result.value.source.kind === 'kubernetes');
  const { access, namespace, watchNamespaces, replica, repairsInjection } = result.value.source;
  assert.deepEqual(
    [access, namespace, watchNamespaces, repairsInjection],
    [{ kubeconfig: '/k', context: 'c' }, 'mesh', ['a', 'b'], false],
  );
  assert.match(replica, /^[a-z0-9.-]+$/);
});
