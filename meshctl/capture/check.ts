/** What is missing of capture, rule by rule. */
import { CommandError, exitCodes } from '../command-error.ts';
import { chooseKind, findBackends, type IptablesKind } from './backend.ts';
import { missingRoutes } from './changes.ts';
import { differences, type Difference } from './restore.ts';
import { wantedRoutes } from './routes.ts';
import type { Family } from './rule.ts';
import { captureRules } from './rules.ts';
import { arrange } from './ruleset.ts';
import type { CaptureSettings } from './settings.ts';
import type { System } from './system.ts';

/** One thing that is not as it should be. Of routes and addresses the table is `ip`. */
export type Finding = Readonly<{
  ip: Family;
  table: string;
  chain: string;
  problem: Difference['kind'];
  rule: string;
}>;

/** `readable`: false where only root may look, and nothing could be compared. */
export type Checked = Readonly<{
  findings: readonly Finding[];
  families: readonly Family[];
  notes: readonly string[];
  readable: boolean;
}>;

/** Compares what is there with what the settings ask for. Rules of the other kind of iptables are unexpected. */
export async function checkCapture(
  system: System,
  settings: CaptureSettings,
  asked: IptablesKind | 'auto',
): Promise<Checked> {
  try {
    const found = await findBackends(system);
    const kind = await chooseKind(system, found, asked);
    const rules = found.backends.flatMap((backend) => {
      const wanted = backend.kind === kind ? arrange(captureRules(settings, backend.family)) : new Map();
      return differences(wanted, backend.saved).map(({ kind: problem, ...where }): Finding => ({
        ip: backend.family,
        problem,
        ...where,
      }));
    });
    const routes = await missingRoutes(system, wantedRoutes(settings, found.families));
    const findings = [
      ...routes.map(({ family, name }): Finding => {
        return { ip: family, table: 'ip', chain: '', problem: 'missing', rule: name };
      }),
      ...rules,
    ];
    return { findings, families: found.families, notes: found.notes, readable: true };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.notAllowed) throw error;
    const families: readonly Family[] = system.withoutIpv6() === null ? [4, 6] : [4];
    const notes = ['the rules can be read by root only: connections alone are tried'];
    return { findings: [], families, notes, readable: false };
  }
}
