/** Questions to name servers go to the sidecar's DNS proxy. */
import { isIPv6 } from 'node:net';
import { type Family, rule, type Rule } from './rule.ts';
import type { CaptureSettings } from './settings.ts';

/**
 * Only the name servers of resolv.conf are taken, unless all are asked for: a resolver of this host may ask others, and its questions
 * must not come back to us. UDP has conntrack zones of its own for both sides of the proxy, or answers would be mixed up: 1 is between the
 * proxy and name servers, 2 between applications and the proxy.
 */
export function dnsRules(
  { uids, gids }: CaptureSettings,
  { port, servers }: NonNullable<CaptureSettings['dns']>,
  family: Family,
): readonly Rule[] {
  const bits = family === 4 ? 32 : 128;
  const own = servers === '*' ? '*' : servers.filter((server) => isIPv6(server) === (family === 6));
  const to = own === '*' ? [''] : own.map((server) => `-d ${server}/${bits} `);
  const from = own === '*' ? [''] : own.map((server) => `-s ${server}/${bits} `);
  const owners = [...uids.map((uid) => `--uid-owner ${uid}`), ...gids.map((gid) => `--gid-owner ${gid}`)];
  return [
    rule('raw', 'OUTPUT', '-j TULLE_OUTPUT_DNS'),
    ...(to.length > 0 ? [rule('nat', 'TULLE_OUTPUT', '-j TULLE_OUTPUT_DNS')] : []),
    ...['tcp', 'udp'].flatMap((protocol) =>
      to.map((server) =>
        rule('nat', 'TULLE_OUTPUT_DNS', `-p ${protocol} --dport 53 ${server}-j REDIRECT --to-ports ${port}`),
      ),
    ),
    ...owners.flatMap((owner) => [
      rule('raw', 'TULLE_OUTPUT_DNS', `-p udp --dport 53 -m owner ${owner} -j CT --zone 1`),
      rule('raw', 'TULLE_OUTPUT_DNS', `-p udp --sport ${port} -m owner ${owner} -j CT --zone 2`),
    ]),
    ...(to.length > 0 ? [rule('raw', 'PREROUTING', '-j TULLE_INBOUND')] : []),
    ...to.map((server) => rule('raw', 'TULLE_OUTPUT_DNS', `-p udp --dport 53 ${server}-j CT --zone 2`)),
    ...from.map((server) => rule('raw', 'TULLE_INBOUND', `-p udp --sport 53 ${server}-j CT --zone 1`)),
  ];
}
