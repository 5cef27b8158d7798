import { isIP } from 'node:net';
import { isDnsLabelAnyCase } from '../dns-name.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';

/** Hosts, addresses and what else names a place in a network. Each check returns what is wrong, or `null`. */

const maxName = 255;
const maxLabel = 63;
const unixPrefix = 'unix://';
const wildcardLabel = /^(?:\*|(?:\*-?)?[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)$/i;

/** What is wrong with a domain name without wildcards. */
export function faultOfFqdn(name: string): string | null {
  return faultOfLength(name) ?? faultOfLabels(name, name);
}

/** What is wrong with a domain name whose first label may be, or begin with, a `*`. */
export function faultOfWildcardHost(name: string): string | null {
  const fault = faultOfLength(name);
  if (fault !== null) return fault;
  const dot = name.indexOf('.');
  const first = dot < 0 ? name : name.slice(0, dot);
  if (first.length > maxLabel || !wildcardLabel.test(first))
    return `${quote(name)} is not a domain name (label ${quote(first)} is invalid)`;
  return dot < 0 ? null : faultOfLabels(name.slice(dot + 1), name);
}

/** What is wrong with an IP address of either family. */
export function faultOfIp(address: string): string | null {
  return isIP(address) === 0 ? `${quote(address)} is not a valid IP address` : null;
}

/** What is wrong with an IP address or CIDR block. */
export function faultOfSubnet(subnet: string): string | null {
  const [address = '', bits, ...rest] = subnet.split('/');
  if (bits === undefined) return faultOfIp(subnet);
  const family = isIP(address);
  const isBlock =
    rest.length === 0 &&
    family !== 0 &&
    !address.includes('%') &&
    /^(?:0|[1-9]\d{0,2})$/.test(bits) &&
    Number(bits) <= (family === 4 ? 32 : 128);
  return isBlock ? null : `${quote(subnet)} is not a valid CIDR block`;
}

/** What is wrong with a port number. */
export function faultOfPort(port: number): string | null {
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  return isPort ? null : `port must be between 1-65535, not ${port}`;
}

/** Whether an address names a Unix domain socket. */
export function isUnixAddress(address: string): boolean {
  return address.startsWith(unixPrefix);
}

/** What is wrong with a `unix://` address. */
export function faultOfUnixAddress(address: string): string | null {
  const path = address.slice(unixPrefix.length);
  if (path.startsWith('@')) return null;
  if (!path.startsWith('/')) return 'UDS must be an absolute path or abstract socket';
  return path.endsWith('/') ? 'UDS may not be a dir' : null;
}

/** What is wrong with the name of a port. */
export function faultOfPortName(name: string): string | null {
  return isDnsLabelAnyCase(name) ? null : `${quote(name)} is not a valid port name, must be a DNS label`;
}

/** Reports a fault at a field, if there is one; returns whether all is well. */
export function check(report: Report, field: Field, fault: string | null): boolean {
  if (fault !== null) report.error(field, fault);
  return fault === null;
}

function faultOfLength(name: string): string | null {
  if (name === '') return 'must not be empty, must be a domain name';
  return name.length > maxName ? `is too long, must have at most ${maxName} characters` : null;
}

function faultOfLabels(labels: string, name: string): string | null {
  const parts = labels.split('.');
  const last = parts.at(-1) ?? '';
  if (/^[+-]?\d+$/.test(last)) return `${quote(name)} is not a domain name (its last label is all digits)`;
  const wrong = parts.find(
    (label, index) => !isDnsLabelAnyCase(label) && !(label === '' && index === parts.length - 1),
  );
  return wrong === undefined ? null : `${quote(name)} is not a domain name (label ${quote(wrong)} is invalid)`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
