import { factsOf, isAll, isPathOctet, isSound, isTokenOctet, notedKind, noteOf, type NameKind } from './field-names.ts';
import type { FieldSink } from './hpack/decoder.ts';
import type { Entry } from './hpack/static-table.ts';
import { indexingOf } from './hpack/indexing.ts';
import { faults, type Http2Fault } from './protocol-error.ts';

/** What the section is the head of, or that it is trailers. */
export type SectionKind = 'request' | 'response' | 'trailers';

/** Field lines in order: names and values in turns, of which the first `length` pairs count. */
export type FieldLines = Readonly<{
  texts: readonly string[];
  length: number;
  /** Names of those that are never to be indexed further on, beside those that never are (RFC 7541 7.1.3); null or absent: none. */
  sensitive?: ReadonlySet<string> | null;
}>;

export type SectionLimits = Readonly<{ maxHeaderListBytes: number; maxFields: number; allowConnect: boolean }>;

/** What a field costs besides its octets (RFC 9113 10.5.1). */
const fieldOverhead = 32;
/** Never empty (RFC 9113 8.3.1), nor a port without a host (RFC 9110 4.2.1). */
const authorityForm = /^(?:\[[0-9a-zA-Z:.%~_-]+\]|[-._~!$&'()*+,;=%0-9a-zA-Z]+)(?::\d{0,5})?$/;
/** For 25 lines, with those that are added here. */
const roomForTexts = 50;
const connectForm = /:\d{1,5}$/;
const digits = /^\d{1,15}$/;

/** The last authority that was found right: a connection's requests mostly have the same. */
let lastAuthority = 'a';

/**
 * Takes the fields of one header block and holds them to RFC 9113 8: names, values, pseudo-headers. Reused: its values are only
 * valid until the next block, of whatever connection. Values are byte strings.
 */
export class FieldSection implements FieldSink {
  /** Pseudo-headers; empty, or 0: not there. */
  method = '';
  scheme = '';
  authority = '';
  path = '';
  protocol = '';
  status = 0;
  /** The fields that travel on, in order: `length` names and values in turns. There is room behind them: maps are cut from it at once. */
  readonly texts: string[] = Array.from({ length: roomForTexts }, () => '');
  length = 0;
  sensitive: Set<string> | null = null;
  /** -1: not declared. It is among the fields too. */
  contentLength = -1;
  expectsContinue = false;
  /** The first rule that was broken. */
  fault: Http2Fault | null = null;
  /** Credentials came, as literals: not to be kept. */
  hasSecret = false;
  /** Size of the list (RFC 9113 10.5.1). */
  listBytes = 0;

  #kind: SectionKind = 'request';
  #limits: SectionLimits = { maxHeaderListBytes: 0, maxFields: 0, allowConnect: false };
  #fields = 0;
  #host = '';
  #hasPath = false;
  #hasAuthority = false;
  #hasField = false;
  /** Where the value of the cookie is. */
  #cookieAt = -1;

  begin(kind: SectionKind, limits: SectionLimits): void {
    this.method = '';
    this.scheme = '';
    this.authority = '';
    this.path = '';
    this.protocol = '';
    this.status = 0;
    this.length = 0;
    this.sensitive = null;
    this.contentLength = -1;
    this.expectsContinue = false;
    this.fault = null;
    this.#kind = kind;
    this.#limits = limits;
    this.#fields = 0;
    this.hasSecret = false;
    this.listBytes = 0;
    this.#host = '';
    this.#hasPath = false;
    this.#hasAuthority = false;
    this.#hasField = false;
    this.#cookieAt = -1;
  }

  onField(name: string, value: string, isSensitive: boolean, entry: Entry | null): void {
    if (isSensitive) this.#takeSecret(name);
    this.listBytes += name.length + value.length + fieldOverhead;
    if (this.listBytes > this.#limits.maxHeaderListBytes) this.fault ??= faults.fieldsTooLarge;
    if (++this.#fields > this.#limits.maxFields) this.fault ??= faults.tooManyFields;
    if (this.fault !== null) return;
    if (entry !== null && entry.note > 0) this.fault = this.#take(notedKind(entry.note), name, value);
    else this.fault = this.#check(name, value, entry);
  }

  /** The first fault, also of what is missing. */
  finish(): Http2Fault | null {
    if (this.fault === null && this.#kind === 'request') this.fault = this.#finishRequest();
    else if (this.#kind === 'response' && this.status === 0) this.fault ??= faults.pseudoMissing;
    return this.fault;
  }

  /** What it says, to be kept whole; for blocks without a fault. */
  copy(): FieldSection {
    const copy = new FieldSection();
    copy.method = this.method;
    copy.scheme = this.scheme;
    copy.authority = this.authority;
    copy.path = this.path;
    copy.protocol = this.protocol;
    copy.status = this.status;
    for (let at = 0; at < 2 * this.length; at++) copy.texts[at] = this.texts[at] ?? '';
    copy.length = this.length;
    copy.contentLength = this.contentLength;
    copy.expectsContinue = this.expectsContinue;
    return copy;
  }

  /** The fields, to be kept. */
  copyLines(): FieldLines {
    const { texts, length, sensitive } = this;
    return { texts: texts.slice(0, 2 * length), length, sensitive };
  }

  #check(name: string, value: string, entry: Entry | null): Http2Fault | null {
    const facts = factsOf(name);
    if (facts.kind === 'invalid') return faults.fieldName;
    if (!isSound(facts, value)) return faults.fieldValue;
    if (entry !== null) entry.note = noteOf(facts.kind);
    else if (!facts.isPublic && (facts.kind === 'plain' || facts.kind === 'cookie')) this.hasSecret = true;
    return this.#take(facts.kind, name, value);
  }

  #takeSecret(name: string): void {
    this.hasSecret = true;
    if (indexingOf(name) !== 'never') (this.sensitive ??= new Set()).add(name);
  }

  /** The value is sound. */
  #take(kind: NameKind, name: string, value: string): Http2Fault | null {
    if (kind !== 'pseudo') this.#hasField = true;
    switch (kind) {
      case 'plain':
        return this.#add(name, value);
      case 'pseudo':
        return this.#takePseudo(name, value);
      case 'unknownPseudo':
        return this.#kind === 'trailers' ? faults.pseudoInTrailers : faults.pseudoUnknown;
      case 'connection':
        return faults.connectionField;
      case 'te':
        return value === 'trailers' ? this.#add(name, value) : faults.te;
      case 'host':
        return this.#takeHost(value);
      case 'cookie':
        return this.#takeCookie(name, value);
      case 'contentLength':
        return this.#takeLength(name, value);
      case 'expect':
        return this.#takeExpect(value);
      case 'drop':
        return null;
      case 'invalid':
        return faults.fieldName;
    }
  }

  #add(name: string, value: string): null {
    const at = 2 * this.length++;
    this.texts[at] = name;
    this.texts[at + 1] = value;
    return null;
  }

  #takePseudo(name: string, value: string): Http2Fault | null {
    if (this.#kind === 'trailers') return faults.pseudoInTrailers;
    if (this.#hasField) return faults.pseudoLate;
    if ((name === ':status') !== (this.#kind === 'response')) return faults.pseudoUnknown;
    switch (name) {
      case ':method':
        if (this.method !== '') return faults.pseudoRepeated;
        this.method = value;
        return value !== '' && isAll(value, isTokenOctet) ? null : faults.method;
      case ':scheme':
        if (this.scheme !== '') return faults.pseudoRepeated;
        this.scheme = value === 'http' || value === 'https' ? value : value.toLowerCase();
        return this.scheme === 'http' || this.scheme === 'https' ? null : faults.scheme;
      case ':authority':
        if (this.#hasAuthority) return faults.pseudoRepeated;
        this.#hasAuthority = true;
        this.authority = value;
        return isAuthority(value) ? null : faults.authority;
      case ':path':
        if (this.#hasPath) return faults.pseudoRepeated;
        this.#hasPath = true;
        this.path = value;
        return isAll(value, isPathOctet) ? null : faults.path;
      case ':protocol':
        if (this.protocol !== '') return faults.pseudoRepeated;
        this.protocol = value;
        return value !== '' && isAll(value, isTokenOctet) && this.#limits.allowConnect ? null : faults.connect;
      default:
        if (this.status !== 0) return faults.pseudoRepeated;
        this.status = parseStatus(value);
        return this.status === 0 || this.status === 101 ? faults.status : null;
    }
  }

  #takeHost(value: string): Http2Fault | null {
    if (this.#kind !== 'request') return null;
    if (this.#host !== '' && this.#host !== value) return faults.authoritiesDiffer;
    this.#host = value;
    return isAuthority(value) ? null : faults.authority;
  }

  /** Crumbs are one value again (RFC 9113 8.2.3). */
  #takeCookie(name: string, value: string): Http2Fault | null {
    if (this.#cookieAt < 0) {
      this.#cookieAt = 2 * this.length + 1;
      return this.#add(name, value);
    }
    this.texts[this.#cookieAt] += `; ${value}`;
    return null;
  }

  #takeLength(name: string, value: string): Http2Fault | null {
    if (this.#kind === 'trailers') return null;
    if (!digits.test(value)) return faults.contentLength;
    const length = Number(value);
    if (this.contentLength >= 0) return this.contentLength === length ? null : faults.contentLength;
    this.contentLength = length;
    return this.#add(name, String(length));
  }

  #takeExpect(value: string): Http2Fault | null {
    if (this.#kind !== 'request') return this.#add('expect', value);
    if (value.toLowerCase() !== '100-continue') return faults.expectation;
    this.expectsContinue = true;
    return null;
  }

  #finishRequest(): Http2Fault | null {
    if (this.method === '') return faults.pseudoMissing;
    if (this.#host !== '') {
      if (this.authority === '') this.authority = this.#host;
      else if (!isSame(this.authority, this.#host)) return faults.authoritiesDiffer;
    }
    if (this.method === 'CONNECT' && this.protocol === '') {
      if (this.scheme !== '' || this.#hasPath) return faults.connect;
      return connectForm.test(this.authority) ? null : faults.authority;
    }
    if (this.protocol !== '' && this.method !== 'CONNECT') return faults.connect;
    if (this.scheme === '' || !this.#hasPath) return faults.pseudoMissing;
    if (this.authority === '') return faults.authorityMissing;
    const isPath = this.path.charCodeAt(0) === 0x2f || (this.path === '*' && this.method === 'OPTIONS');
    return isPath ? null : faults.path;
  }
}

function isAuthority(value: string): boolean {
  if (value === lastAuthority) return true;
  if (value.length > 0x1000 || !authorityForm.test(value)) return false;
  const port = value.charCodeAt(value.length - 1) === 0x5d ? '' : value.slice(value.lastIndexOf(':') + 1);
  if (port.length !== value.length && Number(port) > 0xffff) return false;
  lastAuthority = value;
  return true;
}

function isSame(authority: string, host: string): boolean {
  return authority === host || authority.toLowerCase() === host.toLowerCase();
}

/** Three digits from 100; 0: something else. */
function parseStatus(value: string): number {
  if (value.length !== 3) return 0;
  let status = 0;
  for (let i = 0; i < 3; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status < 100 ? 0 : status;
}
