/**
 * The rules of capture, as a function of the settings: Istio's (istio/istio tools/istio-iptables/pkg/capture/run.go), in its order, with
 * chains of our own names. In a list of rules later ones of a chain stand below earlier ones, unless `at` says where.
 *
 *   inbound   PREROUTING -> TULLE_INBOUND -> TULLE_IN_REDIRECT (nat), or TULLE_DIVERT | TULLE_TPROXY (mangle)
 *   outbound  OUTPUT -> TULLE_OUTPUT -> TULLE_REDIRECT, or TULLE_IN_REDIRECT for calls of the proxy to its own pod
 */
import { isIPv6 } from 'node:net';
import { dnsRules } from './dns-rules.ts';
import { appSource, type Family, loopback, rule, type Rule, type Table, tunnelPort } from './rule.ts';
import type { CaptureSettings } from './settings.ts';
import { tproxyInbound, tproxyMarks } from './tproxy-rules.ts';

/** The rules for one version of IP. */
export function captureRules(settings: CaptureSettings, family: Family): readonly Rule[] {
  return [
    ...interfaceRules(settings),
    ...(settings.dropInvalid
      ? [
          rule('mangle', 'PREROUTING', '-m conntrack --ctstate INVALID -j TULLE_DROP'),
          rule('mangle', 'TULLE_DROP', '-j DROP'),
        ]
      : []),
    rule('nat', 'TULLE_INBOUND', `-p tcp --dport ${tunnelPort} -j RETURN`),
    rule('nat', 'TULLE_REDIRECT', `-p tcp -j REDIRECT --to-ports ${settings.outboundPort}`),
    rule('nat', 'TULLE_IN_REDIRECT', `-p tcp -j REDIRECT --to-ports ${settings.inboundPort}`),
    ...(capturesInbound(settings) ? inboundRules(settings, family) : []),
    rule('nat', 'OUTPUT', '-j TULLE_OUTPUT'),
    ...settings.excludeOutboundPorts.flatMap((port) => [
      rule('nat', 'TULLE_OUTPUT', `-p tcp --dport ${port} -j RETURN`),
      rule('nat', 'TULLE_OUTPUT', `-p udp --dport ${port} -j RETURN`),
    ]),
    rule('nat', 'TULLE_OUTPUT', `-o lo -s ${appSource[family]} -j RETURN`),
    ...settings.uids.flatMap((uid) => proxyRules(settings, family, `--uid-owner ${uid}`)),
    ...settings.gids.flatMap((gid) => proxyRules(settings, family, `--gid-owner ${gid}`)),
    ...(settings.dns === null ? [] : dnsRules(settings, settings.dns, family)),
    ...outboundRules(settings, family),
    ...(settings.mode === 'TPROXY' ? tproxyMarks(settings, family) : []),
  ];
}

/** Whether anything that comes in is captured. */
export function capturesInbound({ includeInboundPorts }: CaptureSettings): boolean {
  return includeInboundPorts === '*' || includeInboundPorts.length > 0;
}

function interfaceRules({ excludeInterfaces, rerouteInterfaces, mode }: CaptureSettings): readonly Rule[] {
  const tables: readonly Table[] = mode === 'TPROXY' ? ['nat', 'mangle'] : ['nat'];
  return [
    ...tables.flatMap((table) =>
      excludeInterfaces.flatMap((name) => [
        rule(table, 'PREROUTING', `-i ${name} -j RETURN`),
        rule(table, 'OUTPUT', `-o ${name} -j RETURN`),
      ]),
    ),
    ...rerouteInterfaces.map((name) => ({ ...rule('nat', 'PREROUTING', `-i ${name} -j RETURN`), at: 1 })),
  ];
}

function inboundRules(settings: CaptureSettings, family: Family): readonly Rule[] {
  if (settings.mode === 'TPROXY') return tproxyInbound(settings, family);
  const { includeInboundPorts: ports, excludeInboundPorts } = settings;
  const jump = rule('nat', 'PREROUTING', '-p tcp -j TULLE_INBOUND');
  if (ports !== '*')
    return [jump, ...ports.map((port) => rule('nat', 'TULLE_INBOUND', `-p tcp --dport ${port} -j TULLE_IN_REDIRECT`))];
  return [
    jump,
    ...excludeInboundPorts.map((port) => rule('nat', 'TULLE_INBOUND', `-p tcp --dport ${port} -j RETURN`)),
    rule('nat', 'TULLE_INBOUND', '-p tcp -j TULLE_IN_REDIRECT'),
  ];
}

/**
 * What the sidecar sends. A call to the own pod by another address than the loopback one comes back in (the application called its own
 * service); nothing else is captured. The application's calls to itself are not, by whichever address.
 */
function proxyRules(settings: CaptureSettings, family: Family, owner: string): readonly Rule[] {
  const isDns = settings.dns !== null;
  // With DNS: the sidecar asks a name server of this host directly, and the application's question to one there is captured below.
  const ports =
    isDns && owner.startsWith('--uid') ? `-m multiport ! --dports 53,${tunnelPort}` : `! --dport ${tunnelPort}`;
  const own = isDns ? `-o lo -p tcp ! --dport 53 -m owner ! ${owner} -j RETURN` : `-o lo -m owner ! ${owner} -j RETURN`;
  return [
    rule(
      'nat',
      'TULLE_OUTPUT',
      `-o lo ! -d ${loopback[family]} -p tcp ${ports} -m owner ${owner} -j TULLE_IN_REDIRECT`,
    ),
    ...(includesLoopback(settings) ? [] : [rule('nat', 'TULLE_OUTPUT', own)]),
    rule('nat', 'TULLE_OUTPUT', `-m owner ${owner} -j RETURN`),
  ];
}

function outboundRules(settings: CaptureSettings, family: Family): readonly Rule[] {
  const { includeOutboundRanges: ranges, excludeOutboundRanges, includeOutboundPorts, rerouteInterfaces } = settings;
  const included = ranges === '*' ? [''] : ranges.filter((range) => familyOf(range) === family).map((r) => `-d ${r} `);
  return [
    rule('nat', 'TULLE_OUTPUT', `-d ${loopback[family]} -j RETURN`),
    ...excludeOutboundRanges
      .filter((range) => familyOf(range) === family)
      .map((range) => rule('nat', 'TULLE_OUTPUT', `-d ${range} -j RETURN`)),
    ...includeOutboundPorts.map((port) => rule('nat', 'TULLE_OUTPUT', `-p tcp --dport ${port} -j TULLE_REDIRECT`)),
    ...included.flatMap((to) => [
      ...rerouteInterfaces.map((name) => ({
        ...rule('nat', 'PREROUTING', `-i ${name} ${to}-j TULLE_REDIRECT`),
        at: 1,
      })),
      rule('nat', 'TULLE_OUTPUT', `${to}-j TULLE_REDIRECT`),
    ]),
  ];
}

/** Who names loopback addresses among the ranges wants the application's calls to itself captured. */
function includesLoopback({ includeOutboundRanges }: CaptureSettings): boolean {
  if (includeOutboundRanges === '*') return false;
  return includeOutboundRanges.some((range) => range.startsWith('127.') || range.split('/')[0] === '::1');
}

function familyOf(range: string): Family {
  return isIPv6(range.split('/')[0] ?? '') ? 6 : 4;
}
