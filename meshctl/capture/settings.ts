/** What to capture: the flags of `meshctl capture`, read and judged. */
import { isIP, isIPv4 } from 'node:net';
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';

/** `REDIRECT`: NAT. `TPROXY`: what comes in keeps the addresses of both ends; what goes out is redirected in both. */
export type CaptureMode = 'REDIRECT' | 'TPROXY';

/** What to capture, and what not. Ports are written as iptables takes them: `80` or `8000:8010`. */
export type CaptureSettings = Readonly<{
  mode: CaptureMode;
  /** Where the sidecar takes what comes in, and what goes out. */
  inboundPort: number;
  outboundPort: number;
  /** Who the sidecar is: what it sends itself is not captured. */
  uids: readonly number[];
  gids: readonly number[];
  /** `*`: all but the excluded; a list: these alone. */
  includeInboundPorts: '*' | readonly string[];
  excludeInboundPorts: readonly string[];
  /** Captured besides the ranges. */
  includeOutboundPorts: readonly string[];
  excludeOutboundPorts: readonly string[];
  includeOutboundRanges: '*' | readonly string[];
  excludeOutboundRanges: readonly string[];
  excludeInterfaces: readonly string[];
  /** Interfaces of virtual machines: what comes in there is on its way out. */
  rerouteInterfaces: readonly string[];
  /** Null: DNS is left alone. */
  dns: Readonly<{ port: number; servers: '*' | readonly string[] }> | null;
  dropInvalid: boolean;
}>;

/** The flags as commander has them. */
export type CaptureFlags = Readonly<{
  mode: string;
  inboundPort: string;
  outboundPort: string;
  uid: string;
  gid: string;
  includeInboundPorts: string;
  excludeInboundPorts: string;
  includeOutboundPorts: string;
  excludeOutboundPorts: string;
  includeOutboundIpRanges: string;
  excludeOutboundIpRanges: string;
  excludeInterfaces: string;
  rerouteInterfaces: string;
  dns?: boolean;
  dnsPort: string;
  /** `*`, addresses, or absent for those of resolv.conf. */
  dnsServers?: string;
  dropInvalid?: boolean;
}>;

/** Ports of the sidecar itself, which are asked from outside of the mesh: metrics, readiness, status. */
const ownPorts = ['15090', '15021', '15020'];

/** Reads flags; all problems at once. `nameServers`: what resolv.conf says. */
export function parseCapture(flags: CaptureFlags, nameServers: readonly string[]): Result<CaptureSettings> {
  const problems: Problem[] = [];
  const reader = new FlagReader(problems);
  const excluded = reader.ports('--exclude-inbound-ports', flags.excludeInboundPorts);
  const settings: CaptureSettings = {
    mode: reader.mode(flags.mode),
    inboundPort: reader.port('--inbound-port', flags.inboundPort),
    outboundPort: reader.port('--outbound-port', flags.outboundPort),
    uids: reader.ids('--uid', flags.uid),
    gids: reader.ids('--gid', flags.gid),
    includeInboundPorts:
      flags.includeInboundPorts === '*' ? '*' : reader.ports('--include-inbound-ports', flags.includeInboundPorts),
    excludeInboundPorts: [...excluded, ...ownPorts.filter((port) => !excluded.includes(port))],
    includeOutboundPorts: reader.ports('--include-outbound-ports', flags.includeOutboundPorts),
    excludeOutboundPorts: reader.ports('--exclude-outbound-ports', flags.excludeOutboundPorts),
    includeOutboundRanges:
      flags.includeOutboundIpRanges === '*'
        ? '*'
        : reader.ranges('--include-outbound-ip-ranges', flags.includeOutboundIpRanges),
    excludeOutboundRanges: reader.ranges('--exclude-outbound-ip-ranges', flags.excludeOutboundIpRanges),
    excludeInterfaces: reader.interfaces('--exclude-interfaces', flags.excludeInterfaces),
    rerouteInterfaces: reader.interfaces('--reroute-interfaces', flags.rerouteInterfaces),
    dns: flags.dns === true ? reader.dns(flags, nameServers) : null,
    dropInvalid: flags.dropInvalid === true,
  };
  if (settings.uids.length + settings.gids.length === 0)
    problems.push(problem('--uid', 'somebody must be the sidecar, or it would capture its own connections'));
  return problems.length === 0 ? ok(settings) : fail(problems);
}

/** The addresses of the name servers in a resolv.conf. */
export function nameServersOf(resolvConf: string): readonly string[] {
  return resolvConf
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .map((address) => address.replace(/%.*$/, ''))
    .filter((address) => isIP(address) !== 0);
}

class FlagReader {
  readonly #problems: Problem[];

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  mode(text: string): CaptureMode {
    if (text !== 'REDIRECT' && text !== 'TPROXY') this.#refuse('--mode', `${text} is not REDIRECT or TPROXY`);
    return text === 'TPROXY' ? 'TPROXY' : 'REDIRECT';
  }

  port(flag: string, text: string): number {
    if (!isPort(text)) this.#refuse(flag, `${text} is not a port`);
    return Number(text);
  }

  ids(flag: string, text: string): readonly number[] {
    return list(text).map((id) => {
      if (!/^\d{1,10}$/.test(id) || Number(id) > 0xff_ff_ff_fe) this.#refuse(flag, `${id} is not a number of a user`);
      return Number(id);
    });
  }

  ports(flag: string, text: string): readonly string[] {
    return list(text).map((entry) => {
      const [from = '', to = from, ...rest] = entry.split(/[:-]/);
      const isRange = rest.length === 0 && isPort(from) && isPort(to) && Number(from) <= Number(to);
      if (!isRange) this.#refuse(flag, `${entry} is not a port, or a range such as 8000-8010`);
      return from === to ? from : `${from}:${to}`;
    });
  }

  ranges(flag: string, text: string): readonly string[] {
    return list(text).flatMap((entry) => {
      const range = toRange(entry);
      if (range === null) this.#refuse(flag, `${entry} is not an address range, such as 10.0.0.0/8`);
      return range ?? [];
    });
  }

  interfaces(flag: string, text: string): readonly string[] {
    return list(text).map((name) => {
      // IFNAMSIZ; a `+` at the end is iptables' wildcard.
      if (!/^[^\s/!"'-][^\s/!"']{0,14}$/.test(name)) this.#refuse(flag, `${name} is not a name of an interface`);
      return name;
    });
  }

  dns({ dnsPort, dnsServers }: CaptureFlags, nameServers: readonly string[]): CaptureSettings['dns'] {
    const port = this.port('--dns-port', dnsPort);
    if (dnsServers === '*') return { port, servers: '*' };
    const servers = dnsServers === undefined ? nameServers : list(dnsServers);
    for (const server of servers)
      if (isIP(server) === 0) this.#refuse('--dns-servers', `${server} is not an address, nor *`);
    if (servers.length === 0)
      this.#refuse('--dns', 'resolv.conf has no name server: name them with --dns-servers, or * for all');
    return { port, servers: [...new Set(servers)] };
  }

  #refuse(flag: string, message: string): void {
    this.#problems.push(problem(flag, message));
  }
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) <= 65_535;
}

/** An address is the range of itself. */
function toRange(text: string): string | null {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes('%')) return null;
  const most = isIPv4(address) ? 32 : 128;
  const length = bits ?? String(most);
  return /^\d{1,3}$/.test(length) && Number(length) <= most ? `${address}/${length}` : null;
}
