/** What comes in is handed to the sidecar as it is (TPROXY): policy routing by marks brings it to the loopback interface. */
import { appSource, type Family, loopback, rule, type Rule } from './rule.ts';
import type { CaptureSettings } from './settings.ts';

/** Of packets for the sidecar's listener, and of those that it sends to the application in the name of a client. */
export const inboundMark = 1337;
/** Of packets that the sidecar sends to its own pod. */
export const outboundMark = 1338;
/** The routing table in which all is local; packets with `inboundMark` are looked up there. */
export const routeTable = 133;

/** New connections are handed over, and packets of those that are known are brought to their socket. */
export function tproxyInbound(
  { includeInboundPorts: ports, excludeInboundPorts, inboundPort }: CaptureSettings,
  family: Family,
): readonly Rule[] {
  const excluded = ports === '*' ? excludeInboundPorts : [];
  const taken = ports === '*' ? [''] : ports.map((port) => `--dport ${port} `);
  return [
    rule('mangle', 'TULLE_DIVERT', `-j MARK --set-mark ${inboundMark}`),
    rule('mangle', 'TULLE_DIVERT', '-j ACCEPT'),
    rule(
      'mangle',
      'TULLE_TPROXY',
      `! -d ${loopback[family]} -p tcp -j TPROXY --tproxy-mark ${inboundMark}/0xffffffff --on-port ${inboundPort}`,
    ),
    rule('mangle', 'PREROUTING', '-p tcp -j TULLE_INBOUND'),
    ...excluded.map((port) => rule('mangle', 'TULLE_INBOUND', `-p tcp --dport ${port} -j RETURN`)),
    ...taken.flatMap((port) => [
      rule('mangle', 'TULLE_INBOUND', `-p tcp ${port}-m conntrack --ctstate RELATED,ESTABLISHED -j TULLE_DIVERT`),
      rule('mangle', 'TULLE_INBOUND', `-p tcp ${port}-j TULLE_TPROXY`),
    ]),
  ];
}

/**
 * The marks that keep the ways apart. A connection to the application in the name of a client is marked by the sidecar; the mark is
 * kept with the connection, so that the answers come back to the sidecar and not to the client.
 */
export function tproxyMarks({ uids, gids }: CaptureSettings, family: Family): readonly Rule[] {
  const owners = [...uids.map((uid) => `--uid-owner ${uid}`), ...gids.map((gid) => `--gid-owner ${gid}`)];
  return [
    rule('mangle', 'PREROUTING', `-p tcp -m mark --mark ${inboundMark} -j CONNMARK --save-mark`),
    rule('mangle', 'OUTPUT', `-p tcp -o lo -m mark --mark ${inboundMark} -j RETURN`),
    ...owners.map((owner) =>
      rule(
        'mangle',
        'OUTPUT',
        `! -d ${loopback[family]} -p tcp -o lo -m owner ${owner} -j MARK --set-mark ${outboundMark}`,
      ),
    ),
    rule('mangle', 'OUTPUT', `-p tcp -m connmark --mark ${inboundMark} -j CONNMARK --restore-mark`),
    // Istio has no such rule, and needs its sidecar to be root: one of `uids` would get its own connection to the application.
    { ...rule('nat', 'TULLE_OUTPUT', `-p tcp -o lo -m mark --mark ${inboundMark} -j RETURN`), at: 1 },
    { ...rule('mangle', 'TULLE_INBOUND', `-p tcp -m mark --mark ${inboundMark} -j RETURN`), at: 1 },
    { ...rule('mangle', 'TULLE_INBOUND', `-p tcp -s ${appSource[family]} -i lo -j RETURN`), at: 2 },
    { ...rule('mangle', 'TULLE_INBOUND', `-p tcp -i lo -m mark ! --mark ${outboundMark} -j RETURN`), at: 3 },
  ];
}
