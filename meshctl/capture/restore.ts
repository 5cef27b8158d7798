/** What is to be written so that the tables hold what they should: input of `iptables-restore --noflush`, one transaction a table. */
import type { Table } from './rule.ts';
import { hookedBy, type Ruleset, type TableRules } from './ruleset.ts';
import { emptyTable, normalizeRule, type Saved, type SavedTable } from './saved.ts';

const none: TableRules = new Map();

/** The transactions of all tables that differ; empty if none does. An empty ruleset takes all away that is ours. */
export function restoreText(wanted: Ruleset, saved: Saved): string {
  const tables = new Set<string>([...wanted.keys(), ...saved.keys()]);
  const found: ReadonlyMap<string, TableRules> = wanted;
  return [...tables]
    .map((table) => ({ table, rules: found.get(table) ?? none, now: saved.get(table) ?? emptyTable }))
    .filter(({ rules, now }) => tableDifferences(rules, now).length > 0)
    .map(({ table, rules, now }) => transaction(table, rules, now))
    .join('');
}

/** A declared chain is made, or emptied if it is there. */
function transaction(table: string, rules: TableRules, { chains, jumps }: SavedTable): string {
  const stale = [...chains.keys()].filter((chain) => !rules.has(chain));
  const wantedJumps = jumpsOf(rules);
  const isKept = (jump: Jump) => wantedJumps.some((wanted) => isSameJump(wanted, jump));
  const kept = jumps.filter((jump, n) => isKept(jump) && jumps.findIndex((other) => isSameJump(other, jump)) === n);
  const lines = [
    `*${table}`,
    ...[...rules.keys(), ...stale].map((chain) => `:${chain} - [0:0]`),
    ...jumps.filter((jump) => !kept.includes(jump)).map(({ chain, args }) => `-D ${chain} ${args}`),
    ...[...rules].flatMap(([chain, list]) => list.map((args) => `-A ${chain} ${args}`)),
    ...wantedJumps
      .filter((wanted) => !kept.some((jump) => isSameJump(jump, wanted)))
      .map(({ chain, args }) => `-A ${chain} ${args}`),
    ...stale.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

type Jump = SavedTable['jumps'][number];

function jumpsOf(rules: TableRules): readonly Jump[] {
  return [...rules.keys()].flatMap((hook) => {
    const chain = hookedBy(hook);
    return chain === null ? [] : [{ chain, args: `-j ${hook}` }];
  });
}

function isSameJump(a: Jump, b: Jump): boolean {
  return a.chain === b.chain && normalizeRule(a.args) === normalizeRule(b.args);
}

/** How a table differs from what it should be: a rule that is not there, one too many, or rules of a chain in another order. */
export type Difference = Readonly<{
  kind: 'missing' | 'unexpected' | 'misplaced';
  table: string;
  chain: string;
  rule: string;
}>;

/** Every difference, rule by rule. */
export function differences(wanted: Ruleset, saved: Saved): readonly Difference[] {
  const tables = new Set<Table>([...wanted.keys(), ...(saved.keys() as Iterable<Table>)]);
  return [...tables].flatMap((table) =>
    tableDifferences(wanted.get(table) ?? none, saved.get(table) ?? emptyTable).map((found) => ({ table, ...found })),
  );
}

function tableDifferences(rules: TableRules, { chains, jumps }: SavedTable): readonly Omit<Difference, 'table'>[] {
  const names = new Set([...rules.keys(), ...chains.keys()]);
  const inChains = [...names].flatMap((chain) => chainDifferences(chain, rules.get(chain), chains.get(chain)));
  const hooks = [...new Set([...jumpsOf(rules), ...jumps].map(({ chain }) => chain))].flatMap((chain) =>
    chainDifferences(chain, argsIn(jumpsOf(rules), chain), argsIn(jumps, chain)),
  );
  return [...inChains, ...hooks];
}

function argsIn(jumps: readonly Jump[], chain: string): readonly string[] {
  return jumps.filter((jump) => jump.chain === chain).map(({ args }) => args);
}

function chainDifferences(
  chain: string,
  wanted: readonly string[] | undefined,
  found: readonly string[] | undefined,
): readonly Omit<Difference, 'table'>[] {
  if (wanted === undefined && found?.length === 0) return [{ kind: 'unexpected', chain, rule: '' }];
  const left = (found ?? []).map(normalizeRule);
  const missing = (wanted ?? []).filter((rule) => !take(left, normalizeRule(rule)));
  const surplus = [...left];
  const extra = (found ?? []).filter((rule) => take(surplus, normalizeRule(rule)));
  if (missing.length + extra.length > 0)
    return [
      ...missing.map((rule) => ({ kind: 'missing' as const, chain, rule })),
      ...extra.map((rule) => ({ kind: 'unexpected' as const, chain, rule })),
    ];
  const at = (wanted ?? []).findIndex((rule, n) => normalizeRule(rule) !== normalizeRule(found?.[n] ?? ''));
  return at === -1 ? [] : [{ kind: 'misplaced', chain, rule: wanted?.[at] ?? '' }];
}

/** Takes one of the texts away; false if it is not among them. */
function take(texts: string[], text: string): boolean {
  const at = texts.indexOf(text);
  if (at !== -1) texts.splice(at, 1);
  return at !== -1;
}
