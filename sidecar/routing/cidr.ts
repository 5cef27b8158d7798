import { BlockList, isIP } from 'node:net';
import { problem } from '#shared/runtime/result.ts';
import type { CompileScope } from './regex.ts';

/** Compiles `address/bits` (or a single address) into a test of addresses; IPv4 in IPv6 counts as IPv4. */
export function compileCidr(cidr: string, scope: CompileScope): (address: string) => boolean {
  const [address = '', bits] = cidr.split('/');
  const family = isIP(address);
  const longest = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(bits);
  if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > longest) {
    scope.problems.push(problem(scope.path, `${cidr} is not an address range`));
    return () => false;
  }
  if (family === 4) return ipv4Range(address, prefix);
  const list = new BlockList();
  list.addSubnet(address, prefix, 'ipv6');
  return (candidate) => candidate.includes(':') && isIP(candidate) === 6 && list.check(candidate, 'ipv6');
}

/** IPv4 is compared as numbers: about ten times faster than a BlockList, and nearly all traffic. */
function ipv4Range(address: string, prefix: number): (candidate: string) => boolean {
  const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
  const wanted = (ipv4Number(address) ?? 0) & mask;
  return (candidate) => {
    const number = ipv4Number(candidate);
    return number !== null && (number & mask) === wanted;
  };
}

/** The 32 bits of a dotted address, also of `::ffff:1.2.3.4`; null for anything else. */
function ipv4Number(address: string): number | null {
  let number = 0;
  let part = -1;
  let dots = 0;
  for (let i = address.startsWith('::ffff:') ? 7 : 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) {
      part = (part < 0 ? 0 : part * 10) + code - 0x30;
      if (part > 255) return null;
    } else if (code === 0x2e && part >= 0) {
      number = (number << 8) | part;
      part = -1;
      dots++;
    } else return null;
  }
  return dots === 3 && part >= 0 ? (number << 8) | part : null;
}
