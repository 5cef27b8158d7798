import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';
import type { TcpChain } from './tcp-chain.ts';

type Criteria = readonly (TypedValue | undefined)[];

const anything: Criteria = [undefined];

/**
 * Chains of one listener without overlaps, which Envoy would refuse the whole listener for: an address range and server name that an
 * earlier chain has are taken out of a later one, and a chain that has nothing left goes.
 */
export function uniqueChains(chains: readonly TcpChain[]): readonly TcpChain[] {
  const taken = new Set<string>();
  return chains.flatMap((chain) => {
    const { prefix_ranges: ranges, server_names: names, ...rest } = chain.match;
    const kind = JSON.stringify(rest);
    const key = (range: TypedValue | undefined, name: TypedValue | undefined): string =>
      JSON.stringify([kind, range ?? '', name ?? '']);
    const allRanges = listOf(ranges);
    const allNames = listOf(names);
    const freeNames = allNames.filter((name) => allRanges.every((range) => !taken.has(key(range, name))));
    const ownNames = freeNames.length > 0 ? freeNames : allNames;
    const ownRanges = allRanges.filter((range) => ownNames.every((name) => !taken.has(key(range, name))));
    for (const range of ownRanges) {
      for (const name of ownNames) {
        taken.add(key(range, name));
      }
    }
    return ownRanges.length === 0 ? [] : [{ ...chain, match: narrowed(chain.match, ownRanges, ownNames) }];
  });
}

function narrowed(match: TypedObject, ranges: Criteria, names: Criteria): TypedObject {
  return {
    ...match,
    ...(match['prefix_ranges'] === undefined ? {} : { prefix_ranges: ranges.filter((range) => range !== undefined) }),
    ...(match['server_names'] === undefined ? {} : { server_names: names.filter((name) => name !== undefined) }),
  };
}

function listOf(value: TypedValue | undefined): Criteria {
  return isList(value) ? value : anything;
}

function isList(value: TypedValue | undefined): value is readonly TypedValue[] {
  return Array.isArray(value);
}
