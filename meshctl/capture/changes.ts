/** What makes capture be there, or be gone: commands of the system, only those that change something. */
import { chooseKind, findBackends, isCaptured, type Backend, type IptablesKind } from './backend.ts';
import { recordsOf } from './json.ts';
import { restoreText } from './restore.ts';
import { allRoutes, type RouteItem, wantedRoutes } from './routes.ts';
import { captureRules } from './rules.ts';
import { arrange, type Ruleset } from './ruleset.ts';
import { parseSaved } from './saved.ts';
import type { CaptureSettings } from './settings.ts';
import { explainFailure, type System } from './system.ts';

/** What was done. `changed`: names of what is new or gone; empty if all was as it should be. */
export type Outcome = Readonly<{ changed: readonly string[]; notes: readonly string[] }>;

const nothing: Ruleset = new Map();

/** Seconds that a lock of iptables is waited for. */
const lockSeconds = '30';

/**
 * Makes the rules be those of the settings: addresses and routes first, then the rules, each table in one transaction. What is of the
 * other kind of iptables goes. If it fails where nothing was captured before, nothing is left of it.
 */
export async function applyCapture(
  system: System,
  settings: CaptureSettings,
  asked: IptablesKind | 'auto',
): Promise<Outcome> {
  const found = await findBackends(system);
  const kind = await chooseKind(system, found, asked);
  const wanted = wantedRoutes(settings, found.families);
  try {
    const added = await addRoutes(system, wanted);
    const made: string[] = [];
    for (const backend of found.backends) {
      const rules = backend.kind === kind ? arrange(captureRules(settings, backend.family)) : nothing;
      made.push(...(await writeRules(system, backend, rules)));
    }
    for (const backend of found.backends) await dropEmptyTables(system, backend);
    const names = new Set(wanted.map(({ name }) => name));
    const stale = allRoutes(found.families).filter(({ name }) => !names.has(name));
    return { changed: [...added, ...made, ...(await removeRoutes(system, stale))], notes: found.notes };
  } catch (error) {
    // The failure is what is told, whatever becomes of the attempt to clean up after it.
    if (!found.backends.some(isCaptured)) await removeCapture(system).catch(() => undefined);
    throw error;
  }
}

/** Takes away all that is ours, of both kinds of iptables: the rules first. */
export async function removeCapture(system: System): Promise<Outcome> {
  const found = await findBackends(system);
  const gone: string[] = [];
  for (const backend of found.backends) gone.push(...(await writeRules(system, backend, nothing)));
  for (const backend of found.backends) await dropEmptyTables(system, backend);
  const routes = await removeRoutes(system, allRoutes(found.families));
  return { changed: [...gone, ...routes], notes: found.notes };
}

async function writeRules(system: System, backend: Backend, rules: Ruleset): Promise<readonly string[]> {
  const text = restoreText(rules, backend.saved);
  if (text === '') return [];
  const command = `${backend.command}-restore`;
  const ran = await system.run(command, ['--noflush', '--wait', lockSeconds], text);
  if (ran.code !== 0) throw explainFailure(command, ran);
  const tables = [...text.matchAll(/^\*(\w+)$/gm)].map(([, table]) => table);
  return tables.map((table) => `IPv${backend.family} ${table} (${backend.kind})`);
}

/** A table of nf_tables that iptables made stays when its rules go. With the command `nft`, an empty one that was ours goes too. */
async function dropEmptyTables(system: System, { kind, family, command, saved }: Backend): Promise<void> {
  if (kind !== 'nft') return;
  const wasOurs = [...saved].filter(([, { chains, isOnlyOurs }]) => chains.size > 0 && isOnlyOurs);
  if (wasOurs.length === 0) return;
  const { out } = await system.run(`${command}-save`, []);
  for (const [table, { chains, jumps, isOnlyOurs }] of parseSaved(out)) {
    const isEmpty = isOnlyOurs && chains.size + jumps.length === 0;
    if (isEmpty && wasOurs.some(([name]) => name === table))
      await system.run('nft', ['delete', 'table', family === 4 ? 'ip' : 'ip6', table]);
  }
}

async function addRoutes(system: System, items: readonly RouteItem[]): Promise<readonly string[]> {
  const added: string[] = [];
  for (const item of items) {
    if (await isThere(system, item)) continue;
    await change(system, item.add);
    added.push(item.name);
  }
  return added;
}

async function removeRoutes(system: System, items: readonly RouteItem[]): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const item of items.toReversed()) {
    if (!(await isThere(system, item))) continue;
    removed.push(item.name);
    // A rule may be there several times: each command takes one.
    do await change(system, item.remove);
    while (await isThere(system, item));
  }
  return removed;
}

/** Those of the items that are not there. */
export async function missingRoutes(system: System, items: readonly RouteItem[]): Promise<readonly RouteItem[]> {
  const missing: RouteItem[] = [];
  for (const item of items) if (!(await isThere(system, item))) missing.push(item);
  return missing;
}

/** A routing table that was never used is an error of `ip`, and empty. */
async function isThere(system: System, { list, isIn }: RouteItem): Promise<boolean> {
  const ran = await system.run('ip', list);
  if (ran.code === null) throw explainFailure('ip', ran);
  return ran.code === 0 && isIn(recordsOf(ran.out));
}

async function change(system: System, args: readonly string[]): Promise<void> {
  const ran = await system.run('ip', args);
  if (ran.code !== 0) throw explainFailure(`ip ${args.join(' ')}`, ran);
}
