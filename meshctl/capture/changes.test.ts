import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CommandError, exitCodes } from '../command-error.ts';
import { applyCapture, removeCapture } from './changes.ts';
import { checkCapture } from './check.ts';
import { ofPod } from './rules.fixture.ts';
import type { Ran, System } from './system.ts';

type Answer = Partial<Ran> | undefined;

/** A system that answers as it is told, with nothing where it is told nothing; notes what it was asked. */
function aSystem(
  answer: (command: string, args: readonly string[]) => Answer,
  { ipv6 = true }: { ipv6?: boolean } = {},
): System & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    run: (command, args) => {
      asked.push([command, ...args].join(' '));
      return Promise.resolve({ code: 0, out: '', error: '', ...answer(command, args) });
    },
    withoutIpv6: () => (ipv6 ? null : 'the kernel has no IPv6'),
  };
}

async function failureOf(work: Promise<unknown>): Promise<CommandError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof CommandError, String(error));
    return error;
  }
  return assert.fail('it did not fail');
}

const changing = (asked: readonly string[]) => asked.filter((line) => /restore| add | del /.test(line));

suite('capture on a system that is not as it should be', () => {
  test('without iptables it says what to install', async () => {
    const system = aSystem((command) => (/tables/.test(command) ? { code: null } : undefined));
    const { exitCode, message, hint } = await failureOf(applyCapture(system, ofPod, 'auto'));
    assert.deepEqual([exitCode, message, hint], [69, 'iptables is not installed', 'install iptables']);
    assert.deepEqual(changing(system.asked), []);
  });

  test('who may not change the rules is told what it takes', async () => {
    const system = aSystem((command) =>
      command.endsWith('-save') ? { code: 4, error: 'iptables-save: Permission denied (you must be root)' } : undefined,
    );
    const { exitCode, hint } = await failureOf(removeCapture(system));
    assert.equal(exitCode, exitCodes.notAllowed);
    assert.match(hint, /NET_ADMIN/);
    const checked = await checkCapture(system, ofPod, 'auto');
    assert.deepEqual([checked.readable, checked.findings], [false, []]);
  });

  test('an old iptables, of one kind and without a name for it, is used', async () => {
    const system = aSystem((command) => (/-(nft|legacy)/.test(command) ? { code: null } : undefined));
    await applyCapture(system, ofPod, 'auto');
    assert.ok(system.asked.includes('iptables-restore --noflush --wait 30'), system.asked.join('\n'));
    const { message } = await failureOf(applyCapture(system, ofPod, 'nft'));
    assert.equal(message, 'iptables-nft does not work here');
  });

  test('IPv6 is left out, and it says so, where the kernel or iptables has none', async () => {
    const kernel = aSystem(() => undefined, { ipv6: false });
    const { notes, changed } = await applyCapture(kernel, ofPod, 'auto');
    assert.deepEqual(notes, ['IPv6 is left out: the kernel has no IPv6']);
    assert.deepEqual(changed, ['IPv4 nat (legacy)']);
    assert.ok(kernel.asked.every((line) => !line.includes('ip6tables') && !line.includes('-6')));
    const iptables = aSystem((command) => (command.startsWith('ip6tables') ? { code: null } : undefined));
    assert.deepEqual((await applyCapture(iptables, ofPod, 'auto')).notes, [
      'IPv6 is left out: ip6tables is not installed',
    ]);
  });

  test('where nothing was captured before, a failure leaves nothing', async () => {
    let hasAddress = false;
    const system = aSystem((command, args) => {
      if (command === 'ip6tables-legacy-restore')
        return { code: 1, error: 'Warning: Extension owner revision 0 not supported, missing kernel module?' };
      if (args.includes('add')) hasAddress = true;
      if (args.includes('del')) hasAddress = false;
      if (command === 'ip' && args.includes('-json') && hasAddress) return { out: '[{"addr_info":[{"local":"::6"}]}]' };
      return undefined;
    });
    const { exitCode, message, hint } = await failureOf(applyCapture(system, ofPod, 'legacy'));
    assert.equal(exitCode, 69);
    assert.match(message, /^the kernel has no owner/);
    assert.equal(hint, 'load it on the node: modprobe xt_owner');
    assert.equal(hasAddress, false);
  });

  test('without iproute2 it fails before any rule is made', async () => {
    const system = aSystem((command) => (command === 'ip' ? { code: null } : undefined));
    const { message, hint } = await failureOf(applyCapture(system, ofPod, 'auto'));
    assert.deepEqual([message, hint], ['ip is not installed', 'install iproute2']);
    assert.deepEqual(changing(system.asked), []);
  });

  test('the kind of iptables: where capture is, else where others have rules, else what the system means', async () => {
    const rules = '*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j KUBE\nCOMMIT\n';
    const ours = '*nat\n:OUTPUT ACCEPT [0:0]\n:TULLE_HOOK_OUTPUT - [0:0]\nCOMMIT\n';
    const kindFor = async (saved: Readonly<Record<string, string>>, version = 'iptables v1.8.9 (legacy)') => {
      const system = aSystem((command, args) => ({ out: args[0] === '--version' ? version : (saved[command] ?? '') }));
      const { changed } = await applyCapture(system, { ...ofPod, mode: 'TPROXY' }, 'auto');
      return changed.find((name) => name.startsWith('IPv4 mangle'));
    };
    assert.equal(await kindFor({}), 'IPv4 mangle (legacy)');
    assert.equal(await kindFor({}, 'iptables v1.8.9 (nf_tables)'), 'IPv4 mangle (nft)');
    assert.equal(await kindFor({ 'iptables-nft-save': rules }), 'IPv4 mangle (nft)');
    assert.equal(await kindFor({ 'iptables-nft-save': rules, 'iptables-legacy-save': ours }), 'IPv4 mangle (legacy)');
  });
});
