/**
 * Rules put in order, as they stand in the tables. All are in chains of our own: of the kernel's chains each gets one jump, to a hook
 * of ours, so that what is ours can be told and taken away without a list of what was put there.
 */
import type { Rule, Table } from './rule.ts';

/** A table's chains of ours by name, with the arguments of their rules. */
export type TableRules = ReadonlyMap<string, readonly string[]>;
export type Ruleset = ReadonlyMap<Table, TableRules>;

/** In the order in which they are written: nothing is marked before it can be routed, nothing redirected before it is marked. */
const tables: readonly Table[] = ['raw', 'mangle', 'nat'];

const prefix = 'TULLE_';
const hookPrefix = `${prefix}HOOK_`;

/** Whether a chain is ours. */
export function isOurs(chain: string): boolean {
  return chain.startsWith(prefix);
}

/** The kernel's chain that a hook of ours hangs on; null for another chain. */
export function hookedBy(chain: string): string | null {
  return chain.startsWith(hookPrefix) ? chain.slice(hookPrefix.length) : null;
}

/** Puts rules at their places. */
export function arrange(rules: readonly Rule[]): Ruleset {
  const found = new Map<Table, Map<string, string[]>>();
  for (const { table, chain, args, at } of rules) {
    const name = isOurs(chain) ? chain : `${hookPrefix}${chain}`;
    const chains = found.get(table) ?? new Map<string, string[]>();
    const placed = chains.get(name) ?? [];
    placed.splice(at === undefined ? placed.length : at - 1, 0, args.join(' '));
    found.set(table, chains.set(name, placed));
  }
  return new Map(tables.flatMap((table) => (found.has(table) ? [[table, found.get(table) ?? new Map()]] : [])));
}
