/** Which iptables: there are two kinds with tables of their own, for two versions of IP. */
import { CommandError, exitCodes } from '../command-error.ts';
import type { Family } from './rule.ts';
import { parseSaved, type Saved } from './saved.ts';
import { explainFailure, type System } from './system.ts';

/** `nft`: on nf_tables; `legacy`: on the tables of x_tables. */
export const iptablesKinds = ['nft', 'legacy'] as const;
export type IptablesKind = (typeof iptablesKinds)[number];

/** One kind for one version of IP, and what its tables hold. */
export type Backend = Readonly<{
  family: Family;
  kind: IptablesKind;
  /** `iptables-nft`, `ip6tables`: the commands are this, and this with `-save` and `-restore`. */
  command: string;
  saved: Saved;
}>;

/** What was found, and what is said about it. */
export type Found = Readonly<{ backends: readonly Backend[]; families: readonly Family[]; notes: readonly string[] }>;

const baseName: Readonly<Record<Family, string>> = { 4: 'iptables', 6: 'ip6tables' };

/** Looks at all that is there. IPv6 is left out, with a note, where the kernel has none; without any iptables it is an error. */
export async function findBackends(system: System): Promise<Found> {
  const ipv4 = await backendsOf(system, 4);
  if (ipv4.backends.length === 0) throw ipv4.problem;
  const reason = system.withoutIpv6();
  const ipv6 = reason === null ? await backendsOf(system, 6) : { backends: [] };
  const hasIpv6 = ipv6.backends.length > 0;
  const why = reason ?? ('problem' in ipv6 ? ipv6.problem.message : '');
  return {
    backends: [...ipv4.backends, ...ipv6.backends],
    families: hasIpv6 ? [4, 6] : [4],
    notes: hasIpv6 ? [] : [`IPv6 is left out: ${why}`],
  };
}

async function backendsOf(system: System, family: Family): Promise<{ backends: Backend[]; problem: CommandError }> {
  const backends: Backend[] = [];
  const plain = baseName[family];
  let problem = new CommandError(exitCodes.unreachable, `${plain} is not installed`, 'install iptables');
  const read = async (command: string, kind: IptablesKind) => {
    const ran = await system.run(`${command}-save`, []);
    if (ran.code === 0) backends.push({ family, kind, command, saved: parseSaved(ran.out) });
    else if (ran.code !== null) problem = explainFailure(`${command}-save`, ran);
  };
  for (const kind of iptablesKinds) await read(`${plain}-${kind}`, kind);
  // Versions before 1.8 are of one kind, and their commands have no other names.
  if (backends.length === 0) await read(plain, await plainKind(system));
  return { backends, problem };
}

/** The kind that the system means when none is named: what `iptables` without more is. */
async function plainKind(system: System): Promise<IptablesKind> {
  const { out } = await system.run('iptables', ['--version']);
  return out.includes('nf_tables') ? 'nft' : 'legacy';
}

/**
 * The kind to work with: the one asked for, else the one where capture is already, else where somebody has rules (nft first, as in
 * Istio), else the system's own.
 */
export async function chooseKind(
  system: System,
  { backends }: Found,
  asked: IptablesKind | 'auto',
): Promise<IptablesKind> {
  const kinds = iptablesKinds.filter((kind) => backends.some((backend) => backend.kind === kind));
  const whereAny = (test: (backend: Backend) => boolean) =>
    kinds.find((kind) => backends.some((backend) => backend.kind === kind && test(backend)));
  if (asked !== 'auto') {
    if (kinds.includes(asked)) return asked;
    throw new CommandError(exitCodes.unreachable, `iptables-${asked} does not work here`, `use ${kinds.join(' or ')}`);
  }
  const plain = await plainKind(system);
  return whereAny(isCaptured) ?? whereAny(hasOthers) ?? kinds.find((kind) => kind === plain) ?? kinds[0] ?? plain;
}

/** Whether something of ours is there. */
export function isCaptured({ saved }: Backend): boolean {
  return [...saved.values()].some(({ chains, jumps }) => chains.size + jumps.length > 0);
}

function hasOthers({ saved }: Backend): boolean {
  return [...saved.values()].some(({ isOnlyOurs }) => !isOnlyOurs);
}
