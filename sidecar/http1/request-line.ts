import { isHostOctet, isTargetOctet, isTokenOctet, equalsIgnoringCase } from './characters.ts';
import { methodOf } from './methods.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { textOf } from './text-cache.ts';

const space = 0x20;
const colon = 0x3a;
const slash = 0x2f;
const question = 0x3f;
const hash = 0x23;

/** The parts of one request line (RFC 9112 3). Reused: its values are read before the next line is parsed. */
export class RequestLine {
  method = '';
  path = '';
  /** Of the absolute and the authority form, else null. */
  authority: string | null = null;
  /** Of the absolute form, else null. */
  scheme: string | null = null;
  version: 'HTTP/1.0' | 'HTTP/1.1' = 'HTTP/1.1';

  /** Parses the line from `start` to `end`, where its CRLF is. */
  parse(bytes: Buffer, start: number, end: number): ProtocolFault | null {
    this.method = '';
    this.path = '';
    this.authority = null;
    this.scheme = null;
    let at = start;
    while (isTokenOctet[bytes[at] ?? 0] === 1) at++;
    if (at === start || bytes[at] !== space) return faults.requestLine;
    const method = methodOf(bytes, start, at);
    if (method === null) return faults.unknownMethod;
    this.method = method;
    const targetStart = at + 1;
    at = targetStart;
    while (isTargetOctet[bytes[at] ?? 0] === 1) at++;
    const targetEnd = at;
    if (targetEnd === targetStart) return faults.requestLine;
    if (bytes[at] !== space) return at >= end ? faults.requestLine : faults.target;
    return this.#parseVersion(bytes, at + 1, end) ?? this.#parseTarget(bytes, targetStart, targetEnd);
  }

  #parseVersion(bytes: Buffer, start: number, end: number): ProtocolFault | null {
    if (end - start !== 8 || bytes[start + 6] !== 0x2e) return faults.version;
    if (bytes[start] !== 0x48 || bytes[start + 1] !== 0x54 || bytes[start + 2] !== 0x54) return faults.version;
    if (bytes[start + 3] !== 0x50 || bytes[start + 4] !== slash) return faults.version;
    const major = (bytes[start + 5] ?? 0) - 0x30;
    const minor = (bytes[start + 7] ?? 0) - 0x30;
    if (major < 0 || major > 9 || minor < 0 || minor > 9) return faults.version;
    if (major !== 1 || minor > 1) return faults.unsupportedVersion;
    this.version = minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    return null;
  }

  #parseTarget(bytes: Buffer, start: number, end: number): ProtocolFault | null {
    if (this.method === 'CONNECT') return this.#parseAuthorityForm(bytes, start, end);
    if (bytes[start] === slash) {
      this.path = textOf(bytes, start, fragmentStart(bytes, start, end));
      return null;
    }
    if (end - start === 1 && bytes[start] === 0x2a) {
      if (this.method !== 'OPTIONS') return faults.target;
      this.path = '*';
      return null;
    }
    return this.#parseAbsoluteForm(bytes, start, end);
  }

  #parseAbsoluteForm(bytes: Buffer, start: number, end: number): ProtocolFault | null {
    let at = start;
    while (at < end && bytes[at] !== colon) at++;
    if (equalsIgnoringCase(bytes, start, at, 'http')) this.scheme = 'http';
    else if (equalsIgnoringCase(bytes, start, at, 'https')) this.scheme = 'https';
    else return at < end && bytes[at + 1] === slash ? faults.scheme : faults.target;
    if (bytes[at + 1] !== slash || bytes[at + 2] !== slash) return faults.target;
    const authorityStart = at + 3;
    at = authorityStart;
    while (at < end && isHostOctet[bytes[at] ?? 0] === 1) at++;
    const isEnd = at === end || bytes[at] === slash || bytes[at] === question || bytes[at] === hash;
    if (at === authorityStart || !isEnd || !isAuthority(bytes, authorityStart, at)) return faults.target;
    this.authority = bytes.toString('latin1', authorityStart, at);
    const path = bytes.toString('latin1', at, fragmentStart(bytes, at, end));
    if (path === '') this.path = this.method === 'OPTIONS' ? '*' : '/';
    else this.path = path.charCodeAt(0) === slash ? path : `/${path}`;
    return null;
  }

  /** `host:port`, the port is needed (RFC 9112 3.2.3, RFC 9110 9.3.6). */
  #parseAuthorityForm(bytes: Buffer, start: number, end: number): ProtocolFault | null {
    if (!isAuthority(bytes, start, end)) return faults.target;
    const portStart = bytes.lastIndexOf(colon, end - 1) + 1;
    if (portStart <= start + 1 || portStart === end || bytes[end - 1] === 0x5d) return faults.target;
    this.authority = bytes.toString('latin1', start, end);
    this.path = this.authority;
    return null;
  }
}

const maxAuthorityBytes = 0x1000;
const maxPortDigits = 5;

/**
 * Whether octets are `uri-host [":" port]` with a port in range; an IPv6 address is in brackets. May be empty. The same as may stand
 * in HTTP/2: what is taken here travels on like that.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > maxAuthorityBytes) return false;
  let at = start;
  const isBracketed = bytes[at] === 0x5b && at < end;
  if (isBracketed) {
    for (at++; at < end && bytes[at] !== 0x5d; at++) if (!isAddressOctet(bytes[at] ?? 0)) return false;
    if (at === end || at === start + 1) return false;
    at++;
    if (at < end && bytes[at] !== colon) return false;
  }
  for (; at < end && bytes[at] !== colon; at++) if (!isNameOctet(bytes[at] ?? 0)) return false;
  let port = 0;
  // A port without a host is none (RFC 9110 4.2.1).
  if (end - at > maxPortDigits + 1 || (at === start && at < end)) return false;
  for (at++; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
    if (port > 0xffff) return false;
  }
  return true;
}

function isNameOctet(octet: number): boolean {
  return isHostOctet[octet] === 1 && octet !== 0x5b && octet !== 0x5d;
}

/** Of an IPv6 address with its zone (RFC 3986 3.2.2, RFC 6874). */
function isAddressOctet(octet: number): boolean {
  return octet === colon || (isNameOctet(octet) && !isSubDelimiter(octet));
}

/** `!$&'()*+,;=` (RFC 3986 2.2). */
function isSubDelimiter(octet: number): boolean {
  return octet === 0x21 || octet === 0x24 || (octet >= 0x26 && octet <= 0x2c) || octet === 0x3b || octet === 0x3d;
}

function fragmentStart(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === hash) return at;
  return end;
}
