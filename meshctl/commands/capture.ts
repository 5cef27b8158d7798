import { existsSync, readFileSync } from 'node:fs';
import { formatProblems } from '#shared/runtime/result.ts';
import type { IptablesKind } from '../capture/backend.ts';
import { applyCapture, type Outcome, removeCapture } from '../capture/changes.ts';
import { checkCapture, type Finding } from '../capture/check.ts';
import { plan } from '../capture/plan.ts';
import { probeCapture } from '../capture/probe.ts';
import { type CaptureFlags, type CaptureSettings, nameServersOf, parseCapture } from '../capture/settings.ts';
import { localSystem } from '../capture/system.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { GlobalFlags } from '../context.ts';
import { parseOutputFormat } from '../output/formats.ts';
import type { ListView } from '../output/print.ts';

/** The flags of `apply` and `check`. */
export type CaptureCommandFlags = CaptureFlags & Readonly<{ iptables: IptablesKind | 'auto' }>;

const out = (text: string) => void process.stdout.write(text);
const note = (text: string) => void process.stderr.write(`${text}\n`);

/** `meshctl capture apply`: prints what changed. */
export async function apply(flags: CaptureCommandFlags, isDryRun: boolean): Promise<number> {
  const settings = read(flags);
  if (isDryRun) out(plan(settings, [4, 6]));
  else tell(await applyCapture(localSystem, settings, flags.iptables), 'captured', 'captured already');
  return exitCodes.ok;
}

/** `meshctl capture remove`. */
export async function remove(): Promise<number> {
  tell(await removeCapture(localSystem), 'removed', 'there was nothing to remove');
  return exitCodes.ok;
}

function tell({ changed, notes }: Outcome, done: string, nothing: string): void {
  for (const line of notes) note(line);
  out(changed.length === 0 ? `${nothing}\n` : changed.map((name) => `${done}: ${name}\n`).join(''));
}

const view: ListView<Finding> = {
  columns: [
    { head: 'IP', cell: ({ ip }) => String(ip) },
    { head: 'TABLE', cell: ({ table }) => table },
    { head: 'CHAIN', cell: ({ chain }) => chain },
    { head: 'PROBLEM', cell: ({ problem }) => problem },
    { head: 'RULE', cell: ({ rule }) => rule },
  ],
  name: ({ table, chain, rule }) => [table, chain, rule].filter((part) => part !== '').join(' '),
};

/** `meshctl capture check`: what is missing, rule by rule, then connections. Exits 126 (as Istio's validation) if something is. */
export async function check(
  flags: CaptureCommandFlags & Readonly<{ connect: boolean }>,
  { output, headers }: GlobalFlags,
): Promise<number> {
  const settings = read(flags);
  const checked = await checkCapture(localSystem, settings, flags.iptables);
  for (const line of checked.notes) note(line);
  if (checked.findings.length > 0) {
    const { formatList } = await import('../output/print.ts');
    out(formatList(checked.findings, view, parseOutputFormat(output), headers));
    const { length } = checked.findings;
    throw new CommandError(
      exitCodes.notCaptured,
      length === 1 ? 'a rule is not as it should be' : `${length} rules are not as they should be`,
      'run meshctl capture apply with the same flags',
    );
  }
  if (flags.connect) await tryConnections(settings, checked.families, checked.readable);
  out(checked.readable ? 'captured: all rules are there\n' : 'captured, so far as connections tell\n');
  return exitCodes.ok;
}

async function tryConnections(...what: Parameters<typeof probeCapture>): Promise<void> {
  const probed = await probeCapture(...what);
  for (const { name, captured, why } of probed)
    note(
      captured === null ? `${name}: not tried, ${why}` : `${name}: ${captured ? 'captured' : `not captured, ${why}`}`,
    );
  if (probed.some(({ captured }) => captured === false))
    throw new CommandError(exitCodes.notCaptured, 'a connection was not captured', 'run meshctl capture apply');
  const [, , readable] = what;
  if (!readable && !probed.some(({ captured }) => captured === true))
    throw new CommandError(exitCodes.notAllowed, 'nothing could be checked', 'run it as root, or as the sidecar');
}

function read(flags: CaptureCommandFlags): CaptureSettings {
  const path = '/etc/resolv.conf';
  const settings = parseCapture(flags, existsSync(path) ? nameServersOf(readFileSync(path, 'utf8')) : []);
  if (!settings.ok) throw new CommandError(exitCodes.usage, formatProblems(settings.problems));
  return settings.value;
}
