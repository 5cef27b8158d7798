/** One rule of iptables, and the names that all rules of capture share. */

export type Table = 'nat' | 'mangle' | 'raw';
export type Family = 4 | 6;

/** One rule: where, and what as arguments of iptables. `at`: its place in the chain, from 1; absent: below what is there. */
export type Rule = Readonly<{ table: Table; chain: string; args: readonly string[]; at?: number }>;

/** Tunnels of Istio's ambient mesh come in here, and are never redirected. */
export const tunnelPort = 15_008;

/** Loopback as clients use it, and the address that the sidecar calls its own application from. */
export const loopback: Readonly<Record<Family, string>> = { 4: '127.0.0.1/32', 6: '::1/128' };
export const appSource: Readonly<Record<Family, string>> = { 4: '127.0.0.6/32', 6: '::6/128' };

/** A rule at the bottom of its chain; the arguments as one text. */
export function rule(table: Table, chain: string, args: string): Rule {
  return { table, chain, args: args.split(' ') };
}
