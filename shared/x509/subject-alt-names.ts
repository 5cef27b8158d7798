import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { contextTag, encodeSequence, encodeValue } from './der-writer.ts';
import { DerReader } from './der-reader.ts';

/** The names of a certificate's holder. */
export type SubjectAltNames = Readonly<{
  uris: readonly string[];
  dnsNames: readonly string[];
  /** As bytes: 4 or 16. */
  ipAddresses: readonly Buffer[];
}>;

const dnsTag = contextTag(2, 'primitive');
const uriTag = contextTag(6, 'primitive');
const ipTag = contextTag(7, 'primitive');
const printable = /^[\x21-\x7e]+$/;

/** GeneralNames of URIs. */
export function encodeUriNames(uris: readonly string[]): Buffer {
  return encodeSequence(...uris.map((uri) => encodeValue(uriTag, toAscii(uri))));
}

/** GeneralNames of a server: DNS names and addresses. */
export function encodeServerNames(dnsNames: readonly string[], addresses: readonly string[]): Buffer {
  return encodeSequence(
    ...dnsNames.map((name) => encodeValue(dnsTag, toAscii(name))),
    ...addresses.map((address) => encodeValue(ipTag, toAddressBytes(address))),
  );
}

/**
 * Reads GeneralNames. Kinds that the mesh does not use (mail, directory names) are passed over; a URI or DNS name that
 * is not printable ASCII is passed over as well, since it can equal no name that we compare it with.
 */
export function readSubjectAltNames(extension: Buffer): SubjectAltNames {
  const outer = new DerReader(extension);
  const names = outer.inside('subjectAltName');
  outer.end('subjectAltName');
  const found = { uris: [] as string[], dnsNames: [] as string[], ipAddresses: [] as Buffer[] };
  while (!names.isAtEnd) {
    const { tag, content } = names.any('general name');
    const text = content.toString('latin1');
    const isPrintable = printable.test(text);
    if (tag === uriTag && isPrintable) found.uris.push(text);
    else if (tag === dnsTag && isPrintable) found.dnsNames.push(text);
    else if (tag === ipTag) found.ipAddresses.push(content);
  }
  return found;
}

/** The 4 or 16 bytes of an address; the caller checked it by `isIP`. */
export function toAddressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const before = toGroups(head);
  const after = tail === undefined ? [] : toGroups(tail);
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Node would cut other characters to their low byte, and so make one name into another. */
function toAscii(name: string): Buffer {
  assert.match(name, printable, 'names in certificates are printable ASCII');
  return Buffer.from(name, 'latin1');
}

function toGroups(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!isIPv4(group)) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}
