/** `meshctl capture` on a real kernel, in a network namespace of its own: both kinds of iptables, every set of rules that is in a golden file. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NetworkNamespace, withoutNamespaces } from '../support/network-namespace.ts';

const root = new URL('../../', import.meta.url);
const meshctl = fileURLToPath(new URL('meshctl/main.ts', root));
// Without `nft` the tables that iptables makes stay, empty, when its rules go.
const skip = withoutNamespaces('iptables', 'ip6tables', 'setpriv', 'nft');

/** Everything that could be changed: rules of both kinds, policy routing, routes and addresses. */
const snapshot = [
  ...['iptables', 'ip6tables'].flatMap((name) => [`${name}-nft-save`, `${name}-legacy-save`]),
  ...['rule', 'route show table all', 'addr'].flatMap((what) => [`ip -4 ${what}`, `ip -6 ${what}`]),
].join('; ');

describe('meshctl capture', { skip }, () => {
  let space: NetworkNamespace;
  before(() => {
    space = new NetworkNamespace();
    const other = new NetworkNamespace();
    NetworkNamespace.join(
      'mesh0',
      { in: space, addresses: ['10.99.0.1/24', 'fd99::1/64'] },
      { in: other, addresses: ['10.99.0.2/24'] },
    );
    // The interface goes with its other end: kept until the first is gone.
    peer = other;
    space.ip('route add default via 10.99.0.2');
    space.ip('-6 route add default via fd99::2');
  });
  let peer: NetworkNamespace | undefined;
  after(async () => {
    await space.close();
    await peer?.close();
  });

  const capture = (...args: readonly string[]) => space.run(process.execPath, [meshctl, 'capture', ...args]);
  /** What is there, without numbers of packets and times. */
  const seen = async () => {
    const { out } = await space.run('sh', ['-c', snapshot]);
    return out
      .replaceAll(/^#.*\n/gm, '')
      .replaceAll(/\[\d+:\d+\]/g, '')
      .replaceAll(' tentative', '');
  };

  for (const kind of ['nft', 'legacy'] as const) {
    test(`iptables-${kind}: every set of rules is put there, found again, replaced by the next, and taken away`, async () => {
      // The tables of the legacy kind come to be when they are first looked at, and stay.
      if (kind === 'legacy')
        await space.run('sh', [
          '-c',
          'for t in raw mangle nat; do for v in iptables ip6tables; do $v-legacy -t $t -S; done; done',
        ]);
      const before = await seen();
      const program = `
        import { applyCapture, removeCapture } from './meshctl/capture/changes.ts';
        import { checkCapture } from './meshctl/capture/check.ts';
        import { goldenCases } from './meshctl/capture/rules.fixture.ts';
        import { localSystem as system } from './meshctl/capture/system.ts';
        const results = {};
        for (const [name, settings] of Object.entries(goldenCases)) {
          const first = await applyCapture(system, settings, '${kind}');
          const { findings } = await checkCapture(system, settings, 'auto');
          const second = await applyCapture(system, settings, '${kind}');
          results[name] = { changes: first.changed.length > 0, findings, again: second.changed };
        }
        await removeCapture(system);
        console.log(JSON.stringify(results));
      `;
      const args = ['--input-type=module-typescript', '--eval', program];
      const { code, out, error } = await space.run(process.execPath, args, 120_000);
      assert.equal(code, 0, error);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- printed by the program above
      const results = JSON.parse(out) as Record<string, { changes: boolean; findings: unknown[]; again: unknown[] }>;
      assert.ok(Object.keys(results).length > 20);
      for (const [name, result] of Object.entries(results))
        assert.deepEqual(result, { changes: true, findings: [], again: [] }, name);
      assert.equal(await seen(), before);
    });
  }

  test('apply, check and remove: nothing is left, and what others have stays', async () => {
    const others = 'iptables -t nat -N OTHERS; iptables -t nat -A OUTPUT -p tcp --dport 1 -j OTHERS';
    await space.run('sh', ['-c', others]);
    const before = await seen();
    assert.match((await capture('apply', '--mode', 'TPROXY')).out, /^captured: IPv4 nat \(nft\)$/m);
    assert.deepEqual(await capture('apply', '--mode', 'TPROXY'), { code: 0, out: 'captured already\n', error: '' });
    const check = await capture('check', '--mode', 'TPROXY');
    assert.deepEqual([check.code, check.out], [0, 'captured: all rules are there\n'], check.error);
    for (const tried of [
      'IPv4 connection of the sidecar',
      'IPv6 connection of the sidecar',
      'IPv4 connection of an app',
    ])
      assert.match(check.error, new RegExp(`^${tried}.*: captured$`, 'm'));
    assert.equal((await capture('remove')).code, 0);
    assert.equal(await seen(), before);
    assert.deepEqual(await capture('remove'), { code: 0, out: 'there was nothing to remove\n', error: '' });
  });

  test('check names each rule that is missing, and ends with 126', async () => {
    await capture('apply');
    await space.run('iptables', ['-t', 'nat', '-D', 'TULLE_INBOUND', '-p', 'tcp', '--dport', '15021', '-j', 'RETURN']);
    await space.run('ip6tables', ['-t', 'nat', '-D', 'OUTPUT', '-j', 'TULLE_HOOK_OUTPUT']);
    const { code, out, error } = await capture('check', '-o', 'jsonl');
    assert.equal(code, 126);
    const rules = out
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const missing = { table: 'nat', problem: 'missing' };
    assert.deepEqual(rules, [
      { ip: 4, ...missing, chain: 'TULLE_INBOUND', rule: '-p tcp --dport 15021 -j RETURN' },
      { ip: 6, ...missing, chain: 'OUTPUT', rule: '-j TULLE_HOOK_OUTPUT' },
    ]);
    assert.match(error, /^error: 2 rules are not as they should be$/m);
    await capture('remove');
  });

  test('check without a right to read rules goes by connections: as the sidecar, one that is not captured is found', async () => {
    const asSidecar = [
      '--reuid',
      '1337',
      '--regid',
      '1337',
      '--clear-groups',
      process.execPath,
      meshctl,
      'capture',
      'check',
    ];
    const refused = await space.run('setpriv', asSidecar);
    assert.equal(refused.code, 126, refused.error);
    assert.match(
      refused.error,
      /^IPv4 connection of the sidecar to its own pod: not captured, 10\.99\.0\.1:15002 ECONNREFUSED/m,
    );
    await capture('apply');
    const captured = await space.run('setpriv', asSidecar);
    assert.deepEqual([captured.code, captured.out], [0, 'captured, so far as connections tell\n'], captured.error);
    await capture('remove');
  });

  test('--dry-run needs no right and changes nothing; what it prints can be run', async () => {
    const before = await seen();
    const args = ['--reuid', '1337', '--clear-groups', process.execPath, meshctl, 'capture', 'apply', '--dry-run'];
    const { code, out, error } = await space.run('setpriv', args);
    assert.equal(code, 0, error);
    assert.equal(await seen(), before);
    assert.equal((await space.run('sh', ['-ec', out])).code, 0);
    assert.equal((await capture('check', '--no-connect')).code, 0);
    await capture('remove');
    assert.equal(await seen(), before);
  });
});
