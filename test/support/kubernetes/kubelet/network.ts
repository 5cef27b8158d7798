/**
 * The network of the node, as lines for `ip -batch`. The node is a network namespace of its own; each pod has another, joined to the
 * node's by a pair of interfaces and a route to its one address (no bridge: everything is routed, so that the node's rules for Services
 * see every packet in both directions).
 *
 *   node  10.244.0.1, fd00:244::1 on lo; 10.96.0.10 (DNS) on lo        pod   10.244.x.y/32, fd00:244::x:y/128 on eth0
 */

export const nodeAddress = '10.244.0.1';
export const nodeAddress6 = 'fd00:244::1';
export const dnsAddress = '10.96.0.10';
export const serviceRange = '10.96.0.0/16';

/** What a pod has of the network: its addresses, and the name of the node's end of its link. */
export type PodNetwork = Readonly<{ ip: string; ip6: string; link: string }>;

/** The addresses of the pod with a number, 2 to 65000; no two numbers share one. */
export function podNetwork(number: number): PodNetwork {
  const [high, low] = [Math.floor(number / 256), number % 256];
  return {
    ip: `10.244.${high}.${low}`,
    ip6: `fd00:244::${high.toString(16)}:${low.toString(16)}`,
    link: `pod${number}`,
  };
}

/** In the node's namespace, once. Addresses of Services have a route so that packets come as far as the rules that rewrite them. */
export function nodeLines(ipv6: boolean): string[] {
  const lines = [
    'link set lo up',
    `addr add ${nodeAddress}/32 dev lo`,
    `addr add ${dnsAddress}/32 dev lo`,
    `route add ${serviceRange} dev lo src ${nodeAddress}`,
  ];
  return ipv6 ? [...lines, `addr add ${nodeAddress6}/128 dev lo nodad`] : lines;
}

/** In the node's namespace, for a pod whose network namespace is that of the process `pid`. */
export function linkLines({ ip, ip6, link }: PodNetwork, pid: number, ipv6: boolean): string[] {
  const lines = [
    `link add ${link} type veth peer name eth0 netns ${pid}`,
    `link set ${link} up`,
    `route add ${ip}/32 dev ${link} src ${nodeAddress}`,
  ];
  if (!ipv6) return lines;
  return [...lines, `addr add fe80::1/64 dev ${link} nodad`, `route add ${ip6}/128 dev ${link} src ${nodeAddress6}`];
}

/** In the pod's namespace, after `linkLines`. */
export function podLines({ ip, ip6 }: PodNetwork, ipv6: boolean): string[] {
  const lines = [
    'link set lo up',
    `addr add ${ip}/32 dev eth0`,
    'link set eth0 up',
    `route add ${nodeAddress} dev eth0 scope link src ${ip}`,
    `route add default via ${nodeAddress} dev eth0 src ${ip}`,
  ];
  if (!ipv6) return lines;
  return [...lines, `addr add ${ip6}/128 dev eth0 nodad`, `route add ::/0 via fe80::1 dev eth0 src ${ip6}`];
}
