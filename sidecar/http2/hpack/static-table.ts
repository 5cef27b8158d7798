/** A field of a table; octets as latin1. */
export type Field = Readonly<{ name: string; value: string }>;

/** An entry of a decoder's tables. */
export type Entry = Field & {
  /** For the sink: what it found out about the field, which need not be found out again; 0: nothing yet. */
  note: number;
};

/** What an entry counts beside its octets (RFC 7541 4.1), and a field in a header list (RFC 9113 6.5.2). */
export const entryOverheadBytes = 32;

/** Size of a dynamic table before SETTINGS say otherwise (RFC 9113 6.5.2). */
export const defaultTableBytes = 4096;

/** RFC 7541 appendix A, in order; a value that is not given is empty. */
const definition = `
:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|:status=206
:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language
content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since
if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range
referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`;

/** The static table by index; there is nothing at 0. */
export const staticFields: readonly (Entry | undefined)[] = [undefined, ...parse(definition)];

/** Number of entries; the dynamic table starts at the next index. */
export const staticCount = staticFields.length - 1;

/** What the static table knows of a name. */
export type StaticName = Readonly<{
  /** Index of its first entry. */
  index: number;
  /** Index by value, of values that are not empty; null if there are none. */
  values: ReadonlyMap<string, number> | null;
}>;

/** The static table by name. */
export const staticNames: ReadonlyMap<string, StaticName> = byName();

function parse(text: string): Entry[] {
  return text
    .trim()
    .split(/[|\n]/)
    .map((entry) => {
      const [name = '', value = ''] = entry.split('=');
      return { name, value, note: 0 };
    });
}

function byName(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> | null }>();
  staticFields.forEach((field, index) => {
    if (field === undefined) return;
    const known = names.get(field.name) ?? { index, values: null };
    if (field.value !== '') known.values = (known.values ?? new Map<string, number>()).set(field.value, index);
    names.set(field.name, known);
  });
  return names;
}
