/**
 * Which objects of a kind are known, and at which version: decides what of a list or a watch is news. It holds keys and versions, never
 * objects.
 */
export class KnownObjects {
  readonly #versions = new Map<string, string>();
  /** Keys of the list that is being read. */
  #listed = new Set<string>();

  get size(): number {
    return this.#versions.size;
  }

  keys(): Iterable<string> {
    return this.#versions.keys();
  }

  /** A list begins; what was read of one before is void. */
  beginList(): void {
    this.#listed = new Set();
  }

  /** An object of the list; whether it is news. A list is the truth, whatever was known: after a restore of etcd versions go back. */
  takeListed(key: string, version: string): boolean {
    this.#listed.add(key);
    const isNews = this.#versions.get(key) !== version;
    this.#versions.set(key, version);
    return isNews;
  }

  /** The list is whole: the keys that were known and are not in it. */
  endList(): readonly string[] {
    const gone = [...this.#versions.keys()].filter((key) => !this.#listed.has(key));
    for (const key of gone) this.#versions.delete(key);
    this.#listed = new Set();
    return gone;
  }

  /** An object of the watch; whether it is news. One that is older than what is known is not. */
  take(key: string, version: string): boolean {
    const known = this.#versions.get(key);
    if (known !== undefined && !isNewer(version, known)) return false;
    this.#versions.set(key, version);
    return true;
  }

  /** An object is gone; whether it was known. */
  drop(key: string): boolean {
    return this.#versions.delete(key);
  }
}

/** Versions are numbers that grow, in every server that there is; where they are not, what comes later is newer. */
export function isNewer(version: string, than: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return version !== than;
  return version.length === than.length ? version > than : version.length > than.length;
}
