/** A request as every version of HTTP means it (RFC 9110), and how two of them are compared. */

export type Field = readonly [name: string, value: string];

export type Message = Readonly<{
  method: string;
  /** Path and query, `*`, or the authority of CONNECT. */
  path: string;
  authority: string;
  /** End to end fields in order, names in lower case; without `host` and what frames the body. Octets as latin1. */
  fields: readonly Field[];
  /** Octets as latin1. */
  body: string;
  trailers: readonly Field[];
}>;

/** Fields that the sidecars put in themselves. */
const added = /^(?:x-request-id|x-forwarded-.*|x-envoy-.*|traceparent|tracestate|x-b3-.*|b3)$/;

/** Fields of one connection, whatever `Connection` says (RFC 9110 7.6.1), and those that frame a message. */
const ofTheConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'host',
]);

/** What a `Connection` line may name and a proxy keeps nevertheless, since it is for the recipient. */
const neverOfTheConnection = new Set(['authorization', 'content-type', 'cookie', 'forwarded']);

/** Fields that have no place in trailers (RFC 9110 6.5.1): a recipient may drop them. */
const notInTrailers = new Set([
  ...ofTheConnection,
  'te',
  'trailer',
  'cookie',
  'set-cookie',
  'authorization',
  'proxy-authorization',
  'proxy-authenticate',
  'www-authenticate',
  'content-type',
  'content-encoding',
  'content-range',
  'expect',
  'max-forwards',
  'cache-control',
  'range',
  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'vary',
  'warning',
  'pragma',
]);

/** What of a head's fields is for the recipient; members of `TE` and `Expect` are for the next hop but these two. */
export function endToEnd(fields: readonly Field[]): Field[] {
  const named = new Set(
    fields
      .filter(([name]) => name === 'connection')
      .flatMap(([, value]) => value.split(',').map((each) => each.trim().toLowerCase())),
  );
  const kept: Field[] = [];
  for (const [name, value] of fields) {
    if (ofTheConnection.has(name) || name === 'expect') continue;
    if (named.has(name) && !neverOfTheConnection.has(name) && name !== 'te') continue;
    if (name !== 'te') kept.push([name, value]);
  }
  const te = fields.filter(([name]) => name === 'te').flatMap(([, value]) => value.split(','));
  if (te.some((each) => /^[ \t]*trailers[ \t]*$/i.test(each))) kept.push(['te', 'trailers']);
  return kept;
}

/** What is different between a request that was sent and one that arrived; null: nothing. */
export function differenceOf(sent: Message, arrived: Message): string | null {
  for (const part of ['method', 'path', 'body'] as const)
    if (sent[part] !== arrived[part]) return `${part}: ${shown(sent[part])} became ${shown(arrived[part])}`;
  if (sent.authority.toLowerCase() !== arrived.authority.toLowerCase())
    return `authority: ${shown(sent.authority)} became ${shown(arrived.authority)}`;
  const fields = [canonical(sent.fields, added), canonical(arrived.fields, added)];
  if (fields[0] !== fields[1]) return `fields: ${shown(fields[0])} became ${shown(fields[1])}`;
  const trailers = [sent, arrived].map((message) =>
    canonical(message.trailers.filter(([name]) => !notInTrailers.has(name))),
  );
  return trailers[0] === trailers[1] ? null : `trailers: ${shown(trailers[0])} became ${shown(trailers[1])}`;
}

/** Names in order; the values of a name in the order of its lines, cookies as the one that they are (RFC 9113 8.2.3). */
function canonical(fields: readonly Field[], without: RegExp | null = null): string {
  const byName = new Map<string, string[]>();
  for (const [name, value] of fields) {
    if (without?.test(name) === true) continue;
    const values = byName.get(name) ?? [];
    values.push(value);
    byName.set(name, values);
  }
  const crumbs = byName.get('cookie')?.flatMap((value) => value.split(/[ \t]*;[ \t]*/)) ?? [];
  if (byName.has('cookie')) byName.set('cookie', [crumbs.filter((crumb) => crumb !== '').join('; ')]);
  const lines = [...byName].map(([name, values]) => `${name}: ${values.join('|')}`);
  return lines.toSorted().join('\n');
}

function shown(text: string | undefined): string {
  const quoted = JSON.stringify(text);
  return quoted.length <= 600 ? quoted : `${quoted.slice(0, 600)}... (${text?.length} octets)`;
}
