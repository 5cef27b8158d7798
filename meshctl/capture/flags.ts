/** The verbs and flags of `meshctl capture`. */
import { type Command, Option } from 'commander';
import { iptablesKinds } from './backend.ts';
import type { CaptureCommandFlags } from '../commands/capture.ts';

/** Adds them. `finish` is told the exit code of the verb that ran. */
export function addCaptureVerbs(program: Command, finish: (exitCode: number) => void): void {
  const capture = program
    .command('capture')
    .description('NAT rules of this network namespace that bring the traffic of applications to a sidecar');
  const verb = (name: string, description: string) => {
    const command = capture.command(name).description(description);
    for (const option of name === 'remove' ? [] : ruleOptions()) command.addOption(option);
    return command;
  };
  verb('apply', 'make the rules be what the flags say; a second time changes nothing')
    .addOption(iptablesOption())
    .option('--dry-run', 'print what would be done where nothing is yet')
    .addHelpText('after', examples)
    .action(async (flags: CaptureCommandFlags & { dryRun?: boolean }) =>
      finish(await (await import('../commands/capture.ts')).apply(flags, flags.dryRun === true)),
    );
  verb('check', 'say what is missing of the rules, and try connections; exits 126 if something is not captured')
    .addOption(iptablesOption())
    .option('--no-connect', 'compare the rules only')
    .action(async (flags: CaptureCommandFlags & { connect: boolean }, command: Command) =>
      finish(await (await import('../commands/capture.ts')).check(flags, command.optsWithGlobals())),
    );
  verb('remove', 'take all away that `apply` made, whatever its flags were').action(async () =>
    finish(await (await import('../commands/capture.ts')).remove()),
  );
}

const examples = `
Examples:
  meshctl capture apply                              as in a pod: all of TCP, a sidecar of uid and gid 1337
  meshctl capture apply --mode TPROXY                the application sees who calls it
  meshctl capture apply --uid 1000 --gid '' --include-inbound-ports ''   outgoing traffic only
  meshctl capture check && meshctl capture remove`;

function iptablesOption(): Option {
  return new Option('--iptables <kind>', 'which iptables, where a system has both kinds')
    .choices(['auto', ...iptablesKinds])
    .default('auto');
}

function ruleOptions(): readonly Option[] {
  const option = (flag: string, description: string, otherwise: string) =>
    new Option(flag, description).default(otherwise);
  return [
    option('--mode <mode>', 'REDIRECT, or TPROXY: what comes in keeps the address of its client', 'REDIRECT'),
    option('--inbound-port <port>', 'where the sidecar takes what comes in', '15006'),
    option('--outbound-port <port>', 'where the sidecar takes what goes out', '15001'),
    option('--uid <list>', 'users that the sidecar runs as: nothing of theirs is captured', '1337'),
    option('--gid <list>', 'groups that the sidecar runs as', '1337'),
    option('--include-inbound-ports <list>', "ports to capture; '*': all, '': none", '*'),
    option('--exclude-inbound-ports <list>', 'ports that are not (15090, 15021 and 15020 never are)', ''),
    option('--include-outbound-ports <list>', 'ports to capture besides the ranges', ''),
    option('--exclude-outbound-ports <list>', 'ports that are not', ''),
    option('--include-outbound-ip-ranges <list>', "address ranges to capture; '*': all, '': none", '*'),
    option('--exclude-outbound-ip-ranges <list>', 'address ranges that are not', ''),
    option('--exclude-interfaces <list>', 'interfaces whose traffic is left alone', ''),
    option('--reroute-interfaces <list>', 'interfaces of virtual machines: what comes in there is going out', ''),
    new Option('--dns', 'questions to the name servers of resolv.conf go to the DNS port of the sidecar'),
    option('--dns-port <port>', 'the DNS port', '15053'),
    new Option('--dns-servers <list>', "with --dns: these name servers; '*': all"),
    new Option('--drop-invalid', 'drop packets that belong to no connection, instead of resetting what they belong to'),
  ];
}
