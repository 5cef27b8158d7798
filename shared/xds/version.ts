import { createHash } from 'node:crypto';

/** A short version of encoded bytes: the same content has the same version, whoever encoded it. */
export function contentVersion(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
}

/** The version of a set of resources, from the version of each by name. */
export function setVersion(versions: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const name of [...versions.keys()].sort()) hash.update(`${name}\0${versions.get(name) ?? ''}\0`);
  return hash.digest('base64url').slice(0, 16);
}
