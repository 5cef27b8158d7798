/** What capture needs besides rules: an address for the sidecar's calls to its application, and TPROXY's policy routing. */
import { isRecord } from './json.ts';
import type { Family } from './rule.ts';
import { capturesInbound } from './rules.ts';
import type { CaptureSettings } from './settings.ts';
import { inboundMark, routeTable } from './tproxy-rules.ts';

/** One address, rule or route: arguments of `ip` that add it, take it away and list its like. */
export type RouteItem = Readonly<{
  family: Family;
  name: string;
  add: readonly string[];
  remove: readonly string[];
  list: readonly string[];
  /** Whether one of the entries that `ip -json` lists is it. */
  isIn: (entries: readonly Readonly<Record<string, unknown>>[]) => boolean;
}>;

/** IPv4 has all of 127.0.0.0/8 on the loopback interface, IPv6 only ::1. */
const appAddress: RouteItem = {
  family: 6,
  name: 'address ::6 on lo',
  add: ['-6', 'addr', 'add', '::6/128', 'dev', 'lo'],
  remove: ['-6', 'addr', 'del', '::6/128', 'dev', 'lo'],
  list: ['-json', '-6', 'addr', 'show', 'dev', 'lo'],
  isIn: (entries) => entries.some(({ addr_info: found }) => Array.isArray(found) && found.some(isAppAddress)),
};

function isAppAddress(entry: unknown): boolean {
  return isRecord(entry) && entry['local'] === '::6';
}

/** Everything of ours that may be there, whatever the settings were. */
export function allRoutes(families: readonly Family[]): readonly RouteItem[] {
  return families.flatMap((family) => [...(family === 6 ? [appAddress] : []), ...markRoutes(family)]);
}

/** What the settings need. */
export function wantedRoutes(settings: CaptureSettings, families: readonly Family[]): readonly RouteItem[] {
  const isMarked = settings.mode === 'TPROXY' && capturesInbound(settings);
  return allRoutes(families).filter((item) => item === appAddress || isMarked);
}

/** Marked packets are looked up in a table where every address is local: `ip rule`, `ip route`. */
function markRoutes(family: Family): readonly RouteItem[] {
  const version = `-${family}`;
  const rule = ['fwmark', String(inboundMark), 'lookup', String(routeTable)];
  const route = ['local', 'default', 'dev', 'lo', 'table', String(routeTable)];
  return [
    {
      family,
      name: `IPv${family} route ${route.join(' ')}`,
      add: [version, 'route', 'add', ...route],
      remove: [version, 'route', 'del', ...route],
      list: ['-json', version, 'route', 'show', 'table', String(routeTable)],
      isIn: (entries) => entries.some(({ type, dst, dev }) => type === 'local' && dst === 'default' && dev === 'lo'),
    },
    {
      family,
      name: `IPv${family} rule ${rule.join(' ')}`,
      add: [version, 'rule', 'add', ...rule],
      remove: [version, 'rule', 'del', ...rule],
      list: ['-json', version, 'rule', 'show'],
      isIn: (entries) =>
        entries.some(({ fwmark, table }) => Number(fwmark) === inboundMark && table === String(routeTable)),
    },
  ];
}
