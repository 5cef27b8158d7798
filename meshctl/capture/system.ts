/** The commands of the system that capture is made with, and what it has of them. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { CommandError, exitCodes } from '../command-error.ts';

/** How a command ended. `code` is null where there is no such command. */
export type Ran = Readonly<{ code: number | null; out: string; error: string }>;

/** What capture needs of the system; tests hand in others. */
export type System = Readonly<{
  run: (command: string, args: readonly string[], input?: string) => Promise<Ran>;
  /** Null: the kernel has IPv6; else why it is left out. */
  withoutIpv6: () => string | null;
}>;

export const localSystem: System = { run, withoutIpv6 };

function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(command, [...args], { maxBuffer: 64 * 1024 * 1024 }, (error, out, stderr) => {
      if (error === null) return resolve({ code: 0, out, error: stderr });
      const { code } = error as NodeJS.ErrnoException | { code?: number };
      if (code === 'ENOENT') return resolve({ code: null, out: '', error: `${command} is not there` });
      resolve({ code: typeof code === 'number' ? code : 1, out, error: stderr === '' ? error.message : stderr });
    });
    // A command that ends before it read its input says why in its own words.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

function withoutIpv6(): string | null {
  if (!existsSync('/proc/net/if_inet6')) return 'the kernel has no IPv6';
  const switchedOff = '/proc/sys/net/ipv6/conf/lo/disable_ipv6';
  return existsSync(switchedOff) && readFileSync(switchedOff, 'utf8').trim() === '1' ? 'IPv6 is switched off' : null;
}

type Explanation = readonly [says: RegExp, exitCode: number, message: string, hint: string];

/** What commands say, what it means, and what to do about it. */
const explanations: readonly Explanation[] = [
  [
    /permission denied|operation not permitted|you must be root/i,
    exitCodes.notAllowed,
    'the rules of the network may not be changed',
    'run it as root, with the capabilities NET_ADMIN and NET_RAW',
  ],
  [
    /couldn't load (?:match|target) [`'](\w+)'/i,
    exitCodes.unreachable,
    'this iptables has no $1',
    'install the extensions of iptables (libxt_$1.so)',
  ],
  [
    /extension (\w+) revision \d+ not supported|missing kernel module/i,
    exitCodes.unreachable,
    'the kernel has no $1',
    'load it on the node: modprobe xt_$1',
  ],
  [
    /can't initialize ip6?tables table [`'](\w+)'|table does not exist/i,
    exitCodes.unreachable,
    'the kernel has no table $1 for iptables',
    'load it on the node: modprobe iptable_$1 (or use the other kind: --iptables)',
  ],
  [
    /rule_append failed|rule_insert failed/i,
    exitCodes.unreachable,
    'the kernel does not take a rule',
    'what it needs: nf_nat, nf_conntrack, xt_owner, xt_REDIRECT, xt_multiport; for TPROXY xt_TPROXY, xt_mark, xt_connmark',
  ],
];

/** What a command that failed means. */
export function explainFailure(command: string, { code, error }: Ran): CommandError {
  if (code === null) {
    const name = command === 'ip' ? 'iproute2' : 'iptables';
    return new CommandError(exitCodes.unreachable, `${command} is not installed`, `install ${name}`);
  }
  const said = error.trim().replaceAll(/\s+/g, ' ');
  for (const [says, exitCode, message, hint] of explanations) {
    const found = says.exec(error);
    if (found === null) continue;
    const fill = (text: string) => text.replaceAll('$1', found[1] ?? 'what a rule needs');
    return new CommandError(exitCode, `${fill(message)} (${command}: ${said})`, fill(hint));
  }
  return new CommandError(exitCodes.failed, `${command} failed: ${said}`);
}
