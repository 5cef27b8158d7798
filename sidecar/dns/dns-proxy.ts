/**
 * The DNS proxy of a sidecar: applications look up the names of the mesh here (by capture of port 53, or because their resolv.conf says
 * so), all others are asked for on their behalf. `startDnsProxy` joins `resolver.ts` (what is answered), `forwarder.ts` (who is asked)
 * and `server.ts` (sockets). It lives on the main thread.
 */
import { randomInt } from 'node:crypto';
import { isErrno } from '#shared/runtime/errno.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { Watch } from '#shared/runtime/watch.ts';
import type { ListeningSockets } from '../net/listening-sockets.ts';
import type { NameTable } from '../snapshot/name-table.ts';
import type { MetricFamily } from '../telemetry/prometheus.ts';
import { askOverSockets } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import { DnsMetrics } from './metrics.ts';
import { DnsResolver } from './resolver.ts';
import { ResolvConfFile } from './resolv-conf-file.ts';
import { type BoundServer, listenTcp, listenUdp, type Respond } from './server.ts';

export type DnsProxyOptions = Readonly<{
  /** An address of the loopback; `localhost` stands for 127.0.0.1 and ::1. */
  address: HostPort;
  /** Path of the file that names the resolvers. */
  resolvConf: string;
  names: Watch<NameTable | null>;
  namespace: string;
  clock: Clock;
  sockets: ListeningSockets;
  log: (level: 'info' | 'warn', message: string, facts: Record<string, unknown>) => void;
}>;

/** A DNS proxy that serves. */
export type DnsProxy = HostPort &
  Readonly<{
    /** Where it listens, over UDP and TCP. */
    addresses: readonly HostPort[];
    families: () => readonly MetricFamily[];
    stop: () => Promise<void>;
    close: () => Promise<void>;
  }>;

/** Applications ask the port of DNS itself: then so does this process, before there are names. */
const dnsPort = 53;

/** Starts it. Throws `io` when the address cannot be listened on. */
export async function startDnsProxy(options: DnsProxyOptions): Promise<DnsProxy> {
  const { address, resolvConf, clock, log } = options;
  const metrics = new DnsMetrics();
  const servers: BoundServer[] = [];
  const own = () => servers.map((server) => server.address);
  const file = new ResolvConfFile(resolvConf, clock);
  // Ids and the order of addresses: what is guessed of an id would let others answer.
  const random = () => randomInt(2 ** 32) / 2 ** 32;
  const forwarder = new Forwarder({
    ask: askOverSockets(clock),
    random,
    own,
    onProblem: (server, reason) => log('info', 'a resolver did not answer', { server, reason: describeError(reason) }),
  });
  const resolver = new DnsResolver({
    ...options,
    domain: 'svc.cluster.local',
    resolvConf: () => file.current(),
    forwarder,
    metrics,
    random,
    forwardsBeforeNames: address.port === dnsPort,
  });
  const respond: Respond = (message, transport, port) =>
    resolver.answer(message, transport, port).catch((error: unknown) => {
      // A mistake of ours: it costs this question, not the process.
      log('warn', 'a DNS question could not be answered', { reason: describeError(error) });
      return null;
    });
  await listen(options, servers, respond);
  if (file.current().servers.length === 0)
    log('warn', 'no resolver is known: names that are not of the mesh cannot be looked up', { file: resolvConf });
  const [first = { address }] = servers;
  const all = (end: 'stop' | 'close') => async () => void (await Promise.all(servers.map((server) => server[end]())));
  return {
    ...first.address,
    addresses: own(),
    families: () => metrics.families(),
    stop: all('stop'),
    close: all('close'),
  };
}

async function listen(
  { address: { host, port }, sockets }: DnsProxyOptions,
  servers: BoundServer[],
  respond: Respond,
): Promise<void> {
  const hosts = host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
  let bound = port;
  try {
    for (const [index, one] of hosts.entries()) {
      try {
        const tcp = await listenTcp({ host: one, port: bound }, respond, sockets);
        servers.push(tcp);
        bound = tcp.address.port;
      } catch (error) {
        // A system without IPv6.
        if (index > 0 && isWithoutFamily(error)) continue;
        throw error;
      }
      servers.push(await listenUdp({ host: one, port: bound }, respond, sockets));
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
}

function isWithoutFamily(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return isErrno(cause, 'EADDRNOTAVAIL') || isErrno(cause, 'EAFNOSUPPORT');
}
