import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { problem, type Problem } from '#shared/runtime/result.ts';
import type { Pod } from './pod.ts';

/** `dns` is null where there is no DNS proxy. */
export type DnsSettings = Readonly<{
  dns: Readonly<{
    /** An address of the loopback; `localhost` stands for 127.0.0.1 and ::1. */
    address: HostPort;
    /** The file that names the resolvers, as resolv.conf(5). */
    resolvConf: string;
  }> | null;
}>;

/** The flags of the DNS proxy. */
export const dnsOptions = { dns: { type: 'string' }, 'resolv-conf': { type: 'string' } } as const;

export const dnsUsage = `  --dns HOST:PORT|off         look up names for applications there, over UDP and TCP; localhost: 127.0.0.1 and ::1 (default off;
                              with --pod and ISTIO_META_DNS_CAPTURE=true localhost:15053)
  --resolv-conf FILE          who is asked for names that are not of the mesh (default /etc/resolv.conf)
`;

/** Reads the flags. A pod whose queries are captured is served without being asked for. */
export function parseDns(
  values: Readonly<{ dns?: string | undefined; 'resolv-conf'?: string | undefined }>,
  { from, pod }: Readonly<{ from: string; pod: Pod | null }>,
  problems: Problem[],
): DnsSettings {
  const { dns = inPod(pod), 'resolv-conf': file = '/etc/resolv.conf' } = values;
  if (dns === 'off') return { dns: null };
  const address = parseHostPort(dns);
  if (address === null) problems.push(problem('--dns', `${dns} is not HOST:PORT, nor off`));
  // Whoever may ask may learn the names of the mesh, and have others asked in our name.
  else if (!isLoopback(address.host)) problems.push(problem('--dns', `${address.host} is not of the loopback`));
  return { dns: { address: address ?? { host: '127.0.0.1', port: 0 }, resolvConf: resolve(from, file) } };
}

function inPod(pod: Pod | null): string {
  // Both addresses of the loopback: capture leads IPv6 questions there wherever the kernel has it.
  return pod !== null && String(pod.metadata['DNS_CAPTURE']) === 'true' ? 'localhost:15053' : 'off';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
