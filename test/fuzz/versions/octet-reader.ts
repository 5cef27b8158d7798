/**
 * The grammar that requests and responses of HTTP/1.1 share, for the reference readers: only what RFC 9112 and RFC 9110 allow a sender to
 * write. Written from their grammar for comparison: slow and simple on purpose, and shares nothing with the sidecar's codec.
 */
import type { Field } from './message.ts';

/** How the octets of a connection end: nothing is left, no other message is wanted, one is not whole; or why they are not HTTP. */
export type End = 'clean' | 'closed' | 'incomplete' | `invalid ${string}`;

const tchar = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const token = new RegExp(`^${tchar}$`);
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
const chunkLine = new RegExp(
  `^([0-9A-Fa-f]{1,8})(?:[ \\t]*;[ \\t]*${tchar}(?:[ \\t]*=[ \\t]*(?:${tchar}|${quoted}))?)*$`,
);

export const isToken = (text: string): boolean => token.test(text);
export const isValue = (text: string): boolean => value.test(text);

/** Whether something that no sender should write is taken as it must be meant. */
export type Tolerates = (why: string) => boolean;
const strictly: Tolerates = () => false;

/** A member of `Connection`: a token, or nothing (RFC 9110 5.6.1). */
const isOption = (text: string): boolean => /^[ \t]*$/.test(text) || isToken(text.replace(/^[ \t]+|[ \t]+$/g, ''));

/** Thrown inside of the readers only. */
export class Stop extends Error {
  readonly end: End;

  constructor(end: End) {
    super(end);
    this.end = end;
  }
}

export const invalid = (why: string): Stop => new Stop(`invalid ${why}`);

/** Reads octets (latin1) from the front; throws a {@link Stop}. */
export class OctetReader {
  readonly octets: string;
  at = 0;

  constructor(octets: string) {
    this.octets = octets;
  }

  get rest(): string {
    return this.octets.slice(this.at);
  }

  /** A line without its CRLF; no other CR or LF may stand in it, but an LF as the end if `tolerates` says so. */
  line(tolerates: Tolerates = strictly): string {
    const end = this.octets.indexOf('\n', this.at);
    const line = this.octets.slice(this.at, end < 0 ? undefined : end);
    const cr = line.indexOf('\r');
    if (end < 0) throw cr >= 0 && cr < line.length - 1 ? invalid('bare CR') : new Stop('incomplete');
    if (cr < 0 && !tolerates('bare LF')) throw invalid('bare LF');
    if (cr < 0) return this.#behind(line, end);
    if (cr !== line.length - 1) throw invalid('bare CR');
    return this.#behind(line.slice(0, -1), end);
  }

  #behind(line: string, end: number): string {
    this.at = end + 1;
    return line;
  }

  take(length: number): string {
    if (this.at + length > this.octets.length) throw new Stop('incomplete');
    this.at += length;
    return this.octets.slice(this.at - length, this.at);
  }

  /** Field lines to the empty line, names in lower case. A folded line may be tolerated, with a blank for the fold. */
  fields(tolerates: Tolerates = strictly): Field[] {
    const fields: Field[] = [];
    for (let line = this.line(tolerates); line !== ''; line = this.line(tolerates)) {
      // The first line behind the start line is no continuation of a field.
      while (/^[ \t]/.test(this.rest) && !/^[ \t]/.test(line) && tolerates('folded line'))
        line = `${line} ${this.line(tolerates).replace(/^[ \t]+/, '')}`;
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(colon, 0));
      if (!isToken(name)) throw invalid(/^[ \t]/.test(line) ? 'folded line' : 'field name');
      const text = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '');
      if (!isValue(text)) throw invalid('field value');
      fields.push([name.toLowerCase(), text]);
    }
    return fields;
  }

  /** A chunked body; `onPart` is told how much of it is there, before the end is. */
  chunked(onPart: (body: string) => void): { body: string; trailers: Field[] } {
    let body = '';
    for (;;) {
      const [, size] = chunkLine.exec(this.line()) ?? [];
      if (size === undefined) throw invalid('chunk');
      const length = Number.parseInt(size, 16);
      if (length === 0) return { body, trailers: this.fields() };
      body += this.take(length);
      onPart(body);
      const end = this.octets.slice(this.at, this.at + 2);
      if (end !== '\r\n') throw '\r\n'.startsWith(end) ? new Stop('incomplete') : invalid('chunk end');
      this.at += 2;
    }
  }
}

/** The fields of a head: what `Connection` names are tokens, and its length may be said again if that is tolerated. */
export function headFields(reader: OctetReader, tolerates: Tolerates): readonly Field[] {
  const fields = reader.fields(tolerates);
  if (fields.some(([name, value]) => name === 'connection' && !value.split(',').every(isOption)))
    throw invalid('connection option');
  const [first, ...more] = fields.filter(([name]) => name === 'content-length');
  const repeated = new Set(more.filter(([, value]) => value === first?.[1]));
  return repeated.size > 0 && tolerates('the same length twice')
    ? fields.filter((each) => !repeated.has(each))
    : fields;
}

/** The length of a body, or that it is chunked; null: nothing is said of it (RFC 9112 6.3). What a sender must not write is invalid. */
export function framingOf(
  fields: readonly Field[],
  isOld: boolean,
  tolerates: Tolerates = strictly,
): number | 'chunked' | null {
  const of = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, each]) => each);
  const lengths = of('content-length');
  const codings = of('transfer-encoding');
  if (lengths.length > 1 || codings.length > 1) throw invalid('framing said twice');
  if (codings.length > 0 && (lengths.length > 0 || isOld)) throw invalid('framing');
  const coding = codings[0] ?? 'chunked';
  // Empty members of a list are to be ignored (RFC 9110 5.6.1.2).
  const isChunked =
    /^chunked$/i.test(coding) || (/^[ \t,]*chunked[ \t,]*$/i.test(coding) && tolerates('empty members'));
  if (!isChunked) throw invalid('transfer coding');
  if (codings.length > 0) return 'chunked';
  const [length] = lengths;
  if (length === undefined) return null;
  if (!/^\d{1,9}$/.test(length)) throw invalid('content-length');
  return Number(length);
}

/** Whether the sender wants no other message on the connection (RFC 9112 9.3). */
export function isLast(fields: readonly Field[], isOld: boolean): boolean {
  const options = fields.filter(([name]) => name === 'connection').flatMap(([, each]) => each.toLowerCase().split(','));
  const wants = (option: string) => options.some((each) => each.trim() === option);
  return wants('close') || (isOld && !wants('keep-alive'));
}
