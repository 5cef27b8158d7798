/**
 * Services as rules of iptables, the way kube-proxy writes them: connections to a cluster IP go to one of the ready endpoints, chosen by
 * chance; without one they are refused. A pod that calls itself by its Service gets the node's address as source, so that answers come
 * back through the rules.
 */
import { nodeAddress } from './network.ts';
import { type Endpoints, keyOf, type Service } from './objects.ts';

type Port = Readonly<{ ip: string; port: number; protocol: string; targets: readonly string[] }>;

/** The whole input of `iptables-restore`: tables nat and filter. */
export function serviceRules(services: readonly Service[], endpoints: readonly Endpoints[]): string {
  const byKey = new Map(endpoints.map((each) => [keyOf(each), each]));
  const ports = services.flatMap((service) => portsOf(service, byKey.get(keyOf(service))));
  const served = ports.filter(({ targets }) => targets.length > 0);
  const pods = [
    ...new Set(served.flatMap(({ targets }) => targets.map((target) => target.split(':')[0] ?? ''))),
  ].sort();
  return [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ':SERVICES - [0:0]',
    ...served.map((_, index) => `:SERVICE-${index} - [0:0]`),
    '-A PREROUTING -j SERVICES',
    '-A OUTPUT -j SERVICES',
    ...served.map((port, index) => `-A SERVICES ${matches(port)} -j SERVICE-${index}`),
    ...served.flatMap(({ targets, protocol }, index) => choices(`SERVICE-${index}`, protocol, targets)),
    ...pods.map((ip) => `-A POSTROUTING -s ${ip}/32 -d ${ip}/32 -j SNAT --to-source ${nodeAddress}`),
    'COMMIT',
    '*filter',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':REFUSED - [0:0]',
    '-A FORWARD -j REFUSED',
    '-A OUTPUT -j REFUSED',
    ...ports.filter(({ targets }) => targets.length === 0).map((port) => `-A REFUSED ${matches(port)} -j REJECT`),
    'COMMIT',
    '',
  ].join('\n');
}

const matches = ({ ip, port, protocol }: Port) => `-d ${ip}/32 -p ${protocol} -m ${protocol} --dport ${port}`;

/** The first of n rules takes one nth of the connections, the next one of the rest, the last all that is left. */
function choices(chain: string, protocol: string, targets: readonly string[]): string[] {
  return targets.map((target, index) => {
    const left = targets.length - index;
    const chance = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : '';
    return `-A ${chain} -p ${protocol} ${chance}-j DNAT --to-destination ${target}`;
  });
}

function portsOf({ spec }: Service, endpoints: Endpoints | undefined): Port[] {
  const ip = spec?.clusterIP;
  if (ip === undefined || ip === '' || ip === 'None' || ip.includes(':')) return [];
  return (spec?.ports ?? [])
    .filter(({ protocol }) => protocol !== 'SCTP')
    .map(({ name, port, protocol }) => {
      const targets = (endpoints?.subsets ?? []).flatMap(({ addresses, ports }) => {
        const [target] = (ports ?? []).filter((each) => (each.name ?? '') === (name ?? ''));
        return target === undefined ? [] : (addresses ?? []).map((address) => `${address.ip}:${target.port}`);
      });
      return { ip, port, protocol: (protocol ?? 'TCP').toLowerCase(), targets };
    });
}
