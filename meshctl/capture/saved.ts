/** What `iptables-save` prints, so far as it is ours; and rules in one form, however they are written. */
import type { Table } from './rule.ts';
import { isOurs } from './ruleset.ts';

/** A table as it is. */
export type SavedTable = Readonly<{
  /** Our chains. */
  chains: ReadonlyMap<string, readonly string[]>;
  /** Rules in chains of others that lead to ours. */
  jumps: readonly Readonly<{ chain: string; args: string }>[];
  /** Nothing is in it but what is ours: no rule, no chain, no policy but ACCEPT. */
  isOnlyOurs: boolean;
}>;

export type Saved = ReadonlyMap<string, SavedTable>;

export const emptyTable: SavedTable = { chains: new Map(), jumps: [], isOnlyOurs: true };

const captureTables: readonly Table[] = ['raw', 'mangle', 'nat'];

/** Reads the output of `iptables-save`. Tables that capture has no use for are left out. */
export function parseSaved(text: string): Saved {
  const saved = new Map<string, SavedTable>();
  for (const part of text.split(/^\*/m).slice(1)) {
    const [name = '', ...lines] = part.split('\n');
    if (captureTables.some((table) => table === name)) saved.set(name, parseTable(lines));
  }
  return saved;
}

function parseTable(lines: readonly string[]): SavedTable {
  const chains = new Map<string, string[]>();
  const jumps: { chain: string; args: string }[] = [];
  let isOnlyOurs = true;
  for (const line of lines) {
    const [, declared = '', policy = ''] = /^:(\S+) (\S+)/.exec(line) ?? [];
    const [, chain = '', args = ''] = /^(?:\[\d+:\d+\] )?-A (\S+) (.*)$/.exec(line) ?? [];
    if (isOurs(declared)) chains.set(declared, []);
    else if (declared !== '' && policy !== 'ACCEPT') isOnlyOurs = false;
    if (isOurs(chain)) chains.get(chain)?.push(args);
    else if (isOurs(targetOf(args))) jumps.push({ chain, args });
    else if (chain !== '') isOnlyOurs = false;
  }
  return { chains, jumps, isOnlyOurs };
}

function targetOf(args: string): string {
  return /(?:^| )-[jg] (\S+)/.exec(args)?.[1] ?? '';
}

/** Names of one option in different versions. */
const aliases: Readonly<Record<string, string>> = { '--set-mark': '--set-xmark', '--to-port': '--to-ports' };

/** What the kernel adds where nothing was said. */
const defaults = new Set(['--nfmask 4294967295', '--ctmask 4294967295', '--on-ip 0.0.0.0', '--on-ip ::']);

/**
 * One text for rules that do the same: matches in one order, without the modules that they imply, numbers in decimal, addresses
 * without the length of a whole one. (iptables of several versions, and its two kinds, print one rule differently.)
 */
export function normalizeRule(args: string): string {
  const clauses: string[] = [];
  let negated = '';
  for (const token of args.split(' ').filter((text) => text !== '')) {
    if (token === '!') negated = '! ';
    else if (token.startsWith('-')) {
      clauses.push(`${negated}${aliases[token] ?? token}`);
      negated = '';
    } else clauses.push(`${clauses.pop() ?? ''} ${negated}${normalizeValue(token)}`.replace(/^(\S+) ! /, '! $1 '));
  }
  return clauses
    .filter((clause) => !clause.startsWith('-m ') && !defaults.has(clause))
    .toSorted()
    .join(' ');
}

function normalizeValue(value: string): string {
  const [, number = '', mask = ''] = /^(0x[\da-f]+|\d+)(?:\/(0x[\da-f]+))?$/i.exec(value) ?? [];
  if (number !== '') return mask === '' || mask === '0xffffffff' ? String(Number(number)) : `${Number(number)}/${mask}`;
  if (/^[\da-f.:]+\/(?:32|128)$/i.test(value)) return value.replace(/\/\d+$/, '');
  return value.includes(',') ? value.split(',').toSorted().join(',') : value;
}
