import { isTokenOctet } from './characters.ts';

const comma = 0x2c;

/**
 * Calls `visit` with the bounds of each member of a comma-separated list of tokens (RFC 9110 5.6.1); empty members are skipped.
 * False if a member is no token, or `visit` returned false.
 */
export function eachToken(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (tokenStart: number, tokenEnd: number) => boolean,
): boolean {
  let at = start;
  while (at < end) {
    while (at < end && (isBlank(bytes[at]) || bytes[at] === comma)) at++;
    const tokenStart = at;
    while (at < end && isTokenOctet[bytes[at] ?? 0] === 1) at++;
    if (at > tokenStart && !visit(tokenStart, at)) return false;
    const hasMember = at > tokenStart;
    while (at < end && isBlank(bytes[at])) at++;
    if (at < end && (!hasMember || bytes[at] !== comma)) return false;
  }
  return true;
}

function isBlank(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x09;
}
