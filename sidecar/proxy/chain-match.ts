/**
 * Chooses the filter chain of a connection as Envoy does: criteria are looked at in a fixed order (destination port, destination
 * address, server name, transport protocol, application protocols, direct source, source, source port), and at each step only
 * the most specific chains that match stay in the race. There is no way back to a less specific branch.
 */
import { compileCidr } from '../routing/cidr.ts';
import type { FilterChainMatch } from '../snapshot/listener.ts';

/** What is known of a connection before a chain is chosen. */
export type ConnectionFacts = Readonly<{
  destinationAddress: string;
  destinationPort: number;
  sourceAddress: string;
  sourcePort: number;
  /** Of a TLS hello; empty without one. */
  serverName: string;
  transportProtocol: 'tls' | 'raw_buffer';
  /** ALPN of a TLS hello, or what the HTTP inspector found (`http/1.1`, `h2c`, ...). */
  applicationProtocols: readonly string[];
}>;

/** A chain and its match, compiled once. */
export type MatchableChain<T> = Readonly<{ match: FilterChainMatch; chain: T }>;

/** Compiled matcher of one listener's chains. */
export class ChainMatcher<T> {
  readonly #chains: readonly MatchableChain<T>[];
  readonly #cidrs = new Map<string, (address: string) => number>();

  constructor(chains: readonly MatchableChain<T>[]) {
    this.#chains = chains;
    for (const { match } of chains) {
      for (const cidr of [...match.destinationCidrs, ...match.sourceCidrs, ...match.directSourceCidrs]) {
        this.#cidrs.set(cidr, scoreOf(cidr));
      }
    }
  }

  /** All chains, in order. */
  chains(): readonly T[] {
    return this.#chains.map(({ chain }) => chain);
  }

  /** Whether a choice can depend on the TLS hello or on the bytes that follow. */
  get needsBytes(): boolean {
    return this.#chains.some(
      ({ match }) =>
        match.serverNames.length > 0 || match.transportProtocol !== '' || match.applicationProtocols.length > 0,
    );
  }

  find(facts: ConnectionFacts): T | null {
    let left = this.#chains;
    left = mostSpecific(left, ({ match }) => specificPort(match.destinationPort, facts.destinationPort));
    left = mostSpecific(left, ({ match }) => this.#specificCidr(match.destinationCidrs, facts.destinationAddress));
    left = mostSpecific(left, ({ match }) => specificServerName(match.serverNames, facts.serverName));
    left = mostSpecific(left, ({ match }) =>
      match.transportProtocol === '' ? 0 : match.transportProtocol === facts.transportProtocol ? 1 : -1,
    );
    left = mostSpecific(left, ({ match }) => specificAlpn(match.applicationProtocols, facts.applicationProtocols));
    left = mostSpecific(left, ({ match }) => this.#specificCidr(match.directSourceCidrs, facts.sourceAddress));
    left = mostSpecific(left, ({ match }) => this.#specificCidr(match.sourceCidrs, facts.sourceAddress));
    left = mostSpecific(left, ({ match }) =>
      match.sourcePorts.length === 0 ? 0 : match.sourcePorts.includes(facts.sourcePort) ? 1 : -1,
    );
    return left[0]?.chain ?? null;
  }

  #specificCidr(cidrs: readonly string[], address: string): number {
    if (cidrs.length === 0) return 0;
    let best = -1;
    for (const cidr of cidrs) best = Math.max(best, this.#cidrs.get(cidr)?.(address) ?? -1);
    return best;
  }
}

/** Keeps those with the highest score that is not negative (-1: does not match, 0: says nothing). */
function mostSpecific<T>(chains: readonly MatchableChain<T>[], score: (chain: MatchableChain<T>) => number) {
  let best = -1;
  let left: MatchableChain<T>[] = [];
  for (const chain of chains) {
    const value = score(chain);
    if (value < best || value < 0) continue;
    if (value > best) left = [];
    best = value;
    left.push(chain);
  }
  return left;
}

const specificPort = (wanted: number | null, port: number) => (wanted === null ? 0 : wanted === port ? 1 : -1);

/** Exact names before the longest `*.suffix`. */
function specificServerName(names: readonly string[], serverName: string): number {
  if (names.length === 0) return 0;
  const name = serverName.toLowerCase();
  let best = -1;
  for (const wanted of names) {
    if (wanted === name && name !== '') best = Math.max(best, 1_000_000);
    else if (wanted.startsWith('*.') && name.endsWith(wanted.slice(1))) best = Math.max(best, wanted.length);
  }
  return best;
}

function specificAlpn(wanted: readonly string[], offered: readonly string[]): number {
  if (wanted.length === 0) return 0;
  return offered.some((protocol) => wanted.includes(protocol)) ? 1 : -1;
}

/** A range as a test that gives its bits + 1 when an address is inside, else -1. What is no range holds nothing. */
function scoreOf(cidr: string): (address: string) => number {
  const contains = compileCidr(cidr, { path: '', problems: [] });
  const score = Number(cidr.slice(cidr.lastIndexOf('/') + 1)) + 1;
  return (address) => (contains(address) ? score : -1);
}
