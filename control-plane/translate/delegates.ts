/**
 * Delegation: a rule of one VirtualService (the root) leaves the details to the rules of another, which has no hosts of its own
 * (the delegate). Each rule of the delegate takes the place of the root's rule, for requests that both match; what it does not
 * say itself it takes from the root.
 */
import type { VirtualService } from '#shared/model/resource.ts';
import { resolveHost } from '#shared/model/hostname.ts';
import type { Memo } from './memo.ts';
import { isExportedTo } from './mesh-service.ts';
import type { HttpMatch, HttpRule, StringMatch } from './route-match.ts';

/** VirtualServices with their delegates in place. A rule whose delegate is missing, or not exported to it, is left out. */
export function resolveDelegates(all: readonly VirtualService[], memo: Memo): readonly VirtualService[] {
  const delegates = new Map(
    all.filter(({ spec }) => (spec.hosts ?? []).length === 0).map((one) => [keyOf(one.metadata), one]),
  );
  return all.map((root) => {
    const rules = root.spec.http ?? [];
    if (rules.every(({ delegate }) => delegate === undefined)) {
      return root;
    }
    const used = rules.map(({ delegate }) =>
      delegate === undefined ? undefined : delegates.get(keyOf(delegate, root.metadata.namespace)),
    );
    return memo.get(`delegates/${keyOf(root.metadata)}`, [root, ...used], () => ({
      ...root,
      spec: { ...root.spec, http: rules.flatMap((rule, i) => expand(rule, root.metadata.namespace, used[i])) },
    }));
  });
}

function keyOf({ name = '', namespace = '' }: { name?: string; namespace?: string }, home = ''): string {
  return `${namespace === '' ? home : namespace}/${name}`;
}

function expand(rule: HttpRule, namespace: string, delegate: VirtualService | undefined): readonly HttpRule[] {
  if (rule.delegate === undefined) {
    return [rule];
  }
  if (delegate === undefined) {
    return [];
  }
  const { metadata, spec } = delegate;
  return isExportedTo(spec.exportTo ?? [], metadata.namespace, namespace)
    ? (spec.http ?? []).flatMap((leaf) => mergeRule(rule, atHome(leaf, metadata.namespace)))
    : [];
}

/** A rule whose short names of destinations mean what they mean in its own namespace. */
function atHome(rule: HttpRule, namespace: string): HttpRule {
  const resolved = <T extends { host: string }>(destination: T): T => ({
    ...destination,
    host: resolveHost(destination.host, namespace),
  });
  return {
    ...rule,
    ...(rule.route === undefined
      ? {}
      : { route: rule.route.map((one) => ({ ...one, destination: resolved(one.destination) })) }),
    ...(rule.mirror === undefined ? {} : { mirror: resolved(rule.mirror) }),
    ...(rule.mirrors === undefined
      ? {}
      : { mirrors: rule.mirrors.map((one) => ({ ...one, destination: resolved(one.destination) })) }),
  };
}

/** The delegate's rule within the root's; nothing when some match of it has no place there. */
function mergeRule(root: HttpRule, leaf: HttpRule): readonly HttpRule[] {
  const match = mergeMatches(root.match ?? [], leaf.match ?? []);
  if (match === undefined) {
    return [];
  }
  return [Object.assign({}, root, leaf, named(root.name, leaf.name), match.length === 0 ? {} : { match })];
}

function named(root = '', leaf = ''): { name?: string } {
  const name = [root, leaf].filter((part) => part !== '').join('-');
  return name === '' ? {} : { name };
}

function mergeMatches(roots: readonly HttpMatch[], leaves: readonly HttpMatch[]): readonly HttpMatch[] | undefined {
  if (roots.length === 0 || leaves.length === 0) {
    return [...roots, ...leaves];
  }
  const merged = leaves.map((leaf) =>
    roots.filter((root) => !conflicts(root, leaf)).map((root) => mergeMatch(root, leaf)),
  );
  return merged.every(({ length }) => length > 0) ? merged.flat() : undefined;
}

function mergeMatch(root: HttpMatch, leaf: HttpMatch): HttpMatch {
  return {
    ...root,
    ...leaf,
    ...named(root.name, leaf.name),
    ...both(root, leaf, 'headers'),
    ...both(root, leaf, 'withoutHeaders'),
    ...both(root, leaf, 'queryParams'),
    ...both(root, leaf, 'sourceLabels'),
  };
}

type Table = 'headers' | 'withoutHeaders' | 'queryParams' | 'sourceLabels';

function both<K extends Table>(root: HttpMatch, leaf: HttpMatch, key: K): Pick<HttpMatch, K> | object {
  return root[key] === undefined && leaf[key] === undefined ? {} : { [key]: { ...root[key], ...leaf[key] } };
}

/** Whether a match of the delegate asks for something that the root's excludes. */
function conflicts(root: HttpMatch, leaf: HttpMatch): boolean {
  const differs = (key: 'port' | 'sourceNamespace'): boolean =>
    Boolean(root[key]) && Boolean(leaf[key]) && root[key] !== leaf[key];
  const gateways = root.gateways ?? [];
  return (
    (['uri', 'scheme', 'method', 'authority'] as const).some((key) => isOutside(root[key], leaf[key])) ||
    (['headers', 'withoutHeaders', 'queryParams'] as const).some((key) => isAnyOutside(root[key], leaf[key])) ||
    (root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false) ||
    differs('port') ||
    differs('sourceNamespace') ||
    (gateways.length > 0 && (leaf.gateways ?? []).some((gateway) => !gateways.includes(gateway)))
  );
}

type Matches = Readonly<Record<string, StringMatch>> | undefined;

function isAnyOutside(roots: Matches, leaves: Matches): boolean {
  return Object.entries(leaves ?? {}).some(([name, leaf]) => isOutside(roots?.[name], leaf));
}

/** Whether a leaf's string is not surely within the root's. Of regular expressions nobody can tell. */
function isOutside(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) {
    return false;
  }
  if (root.exact !== undefined) {
    return leaf.exact !== root.exact;
  }
  const text = leaf.exact ?? leaf.prefix;
  return root.prefix === undefined || text === undefined || !text.startsWith(root.prefix);
}
