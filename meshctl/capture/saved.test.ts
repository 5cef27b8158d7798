import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { differences, restoreText } from './restore.ts';
import { captureRules } from './rules.ts';
import { goldenCases, ofPod } from './rules.fixture.ts';
import { arrange, type Ruleset } from './ruleset.ts';
import { normalizeRule, parseSaved } from './saved.ts';

const wanted = arrange(captureRules(ofPod, 4));
const nothing: Ruleset = new Map();

/** What the kernel holds after a text was restored: enough of `iptables-restore` for texts of ours. */
function savedAfter(text: string): string {
  return text.replace(/^\*nat\n/m, '*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n');
}

suite('rules as iptables-save prints them', () => {
  const same: readonly (readonly [string, string])[] = [
    ['-p tcp --dport 15008 -j RETURN', '-p tcp -m tcp --dport 15008 -j RETURN'],
    ['-o lo ! -d 127.0.0.1/32 -p tcp -j X', '! -d 127.0.0.1/32 -o lo -p tcp -j X'],
    ['-o lo -s 127.0.0.6/32 -j RETURN', '-s 127.0.0.6 -o lo -j RETURN'],
    ['-j MARK --set-mark 1337', '-j MARK --set-xmark 0x539/0xffffffff'],
    ['-p tcp -m mark ! --mark 1338 -j RETURN', '-p tcp -m mark ! --mark 0x53a -j RETURN'],
    ['-j CONNMARK --save-mark', '-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff'],
    [
      '-p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15006',
      '-p tcp -j TPROXY --on-port 15006 --on-ip 0.0.0.0 --tproxy-mark 0x539/0xffffffff',
    ],
    ['-p udp --dport 53 -j REDIRECT --to-port 15053', '-p udp -m udp --dport 53 -j REDIRECT --to-ports 15053'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED -j X', '-m conntrack --ctstate ESTABLISHED,RELATED -j X'],
  ];
  for (const [written, printed] of same)
    test(`${written} is known again`, () => assert.equal(normalizeRule(printed), normalizeRule(written)));

  const others: readonly (readonly [string, string])[] = [
    ['-d 127.0.0.1/32 -j RETURN', '! -d 127.0.0.1/32 -j RETURN'],
    ['-m owner --uid-owner 1337 -j RETURN', '-m owner ! --uid-owner 1337 -j RETURN'],
    ['-d 10.0.0.0/8 -j RETURN', '-d 10.0.0.0/16 -j RETURN'],
    ['-j MARK --set-mark 1337', '-j MARK --set-xmark 0x539/0xff'],
    ['-p tcp --dport 80 -j X', '-p tcp --sport 80 -j X'],
  ];
  for (const [one, other] of others)
    test(`${one} is not ${other}`, () => assert.notEqual(normalizeRule(one), normalizeRule(other)));
});

suite('what is to be restored', () => {
  test('nothing, where all is as it should be', () => {
    for (const settings of Object.values(goldenCases)) {
      const ruleset = arrange(captureRules(settings, 6));
      const saved = parseSaved(savedAfter(restoreText(ruleset, new Map())));
      assert.deepEqual(differences(ruleset, saved), []);
      assert.equal(restoreText(ruleset, saved), '');
    }
  });

  test('a rule that somebody took away is missed by name, and comes back with its chain', () => {
    const saved = parseSaved(
      savedAfter(restoreText(wanted, new Map())).replace('-A TULLE_INBOUND -p tcp --dport 15021 -j RETURN\n', ''),
    );
    const rule = '-p tcp --dport 15021 -j RETURN';
    assert.deepEqual(differences(wanted, saved), [{ kind: 'missing', table: 'nat', chain: 'TULLE_INBOUND', rule }]);
    assert.match(restoreText(wanted, saved), /^:TULLE_INBOUND - .*-A TULLE_INBOUND -p tcp --dport 15021 -j RETURN$/ms);
  });

  test('a rule that others put into a chain of ours is told, and so is another order', () => {
    const text = savedAfter(restoreText(wanted, new Map()));
    const added = parseSaved(text.replace('-A TULLE_OUTPUT ', '-A TULLE_OUTPUT -p tcp -j ACCEPT\n-A TULLE_OUTPUT '));
    assert.deepEqual(differences(wanted, added), [
      { kind: 'unexpected', table: 'nat', chain: 'TULLE_OUTPUT', rule: '-p tcp -j ACCEPT' },
    ]);
    const [first, second] = ['--dport 15090', '--dport 15021'] as const;
    const swapped = text.replace(first, 'X').replace(second, first).replace('X', second);
    assert.deepEqual(
      differences(wanted, parseSaved(swapped)).map(({ kind }) => kind),
      ['misplaced'],
    );
  });

  test('a jump that is gone is made again, and one too many is taken away', () => {
    const text = savedAfter(restoreText(wanted, new Map()));
    const jump = '-A OUTPUT -j TULLE_HOOK_OUTPUT\n';
    const gone = restoreText(wanted, parseSaved(text.replace(jump, '')));
    assert.match(gone, /^-A OUTPUT -j TULLE_HOOK_OUTPUT$/m);
    assert.doesNotMatch(gone, /^-A PREROUTING/m);
    const twice = restoreText(wanted, parseSaved(text.replace(jump, jump + jump)));
    assert.match(twice, /^-D OUTPUT -j TULLE_HOOK_OUTPUT$/m);
    assert.doesNotMatch(twice, /^-A OUTPUT/m);
  });

  test('other settings: chains that are not needed any more go in the same transaction', () => {
    const tproxy = arrange(captureRules({ ...ofPod, mode: 'TPROXY' }, 4));
    const saved = parseSaved(savedAfter(restoreText(tproxy, new Map())));
    const text = restoreText(wanted, saved);
    const mangle = text.slice(text.indexOf('*mangle'));
    assert.match(mangle, /^-D PREROUTING -j TULLE_HOOK_PREROUTING$.*^-X TULLE_DIVERT$.*^COMMIT$/ms);
    assert.doesNotMatch(mangle.slice(0, mangle.indexOf('COMMIT')), /^-A/m);
  });

  test('to remove all, chains and rules of others stay', () => {
    const others = '-A OUTPUT -p tcp --dport 25 -j DOCKER\n';
    const text = savedAfter(restoreText(wanted, new Map())).replace('-A OUTPUT', `${others}-A OUTPUT`);
    const saved = parseSaved(text.replace('*nat\n', '*nat\n:DOCKER - [0:0]\n'));
    const removal = restoreText(nothing, saved);
    assert.doesNotMatch(removal, /DOCKER/);
    assert.deepEqual(removal.match(/^-D.*$/gm), [
      '-D PREROUTING -j TULLE_HOOK_PREROUTING',
      '-D OUTPUT -j TULLE_HOOK_OUTPUT',
    ]);
    assert.equal(saved.get('nat')?.isOnlyOurs, false);
  });
});
