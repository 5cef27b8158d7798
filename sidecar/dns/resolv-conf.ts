import type { HostPort } from '#shared/runtime/host-port.ts';
import { isIP } from 'node:net';

/** What resolv.conf(5) says. */
export type ResolvConf = Readonly<{
  /** In the order in which they are asked. */
  servers: readonly HostPort[];
  search: readonly string[];
  /** How long one server is waited for, and how often each is asked. */
  timeoutMs: number;
  attempts: number;
}>;

/** What holds where the file says nothing: the resolver's own defaults. */
export const emptyResolvConf: ResolvConf = { servers: [], search: [], timeoutMs: 5000, attempts: 2 };

/** Reads the file. A server may have a port, as in OpenBSD: `[127.0.0.1]:5353`. What is not understood is left out, as resolvers do. */
export function parseResolvConf(text: string): ResolvConf {
  const conf = { ...emptyResolvConf, servers: [] as HostPort[] };
  for (const line of text.split('\n')) {
    const [keyword = '', ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    const [first = ''] = words;
    if (keyword === 'nameserver') conf.servers.push(...toServer(first));
    // Of several the last holds.
    else if (keyword === 'search') conf.search = words;
    else if (keyword === 'domain' && first !== '') conf.search = [first];
    else if (keyword === 'options') {
      conf.timeoutMs = option(words, 'timeout', 30, conf.timeoutMs / 1000) * 1000;
      conf.attempts = option(words, 'attempts', 5, conf.attempts);
    }
  }
  return conf;
}

function toServer(text: string): readonly HostPort[] {
  const [, host = text, port = '53'] = /^\[([^\]]+)\]:(\d{1,5})$/.exec(text) ?? [];
  const number = Number(port);
  return isIP(host) === 0 || number < 1 || number > 65_535 ? [] : [{ host, port: number }];
}

function option(words: readonly string[], name: string, most: number, otherwise: number): number {
  const value = Number(words.findLast((word) => word.startsWith(`${name}:`))?.slice(name.length + 1));
  return Number.isInteger(value) && value >= 1 ? Math.min(value, most) : otherwise;
}
