/**
 * From the octets of a complete head to a {@link RequestHead} or {@link ResponseHead}, strict by RFC 9110 and RFC 9112, and to
 * how the body behind it is framed.
 *
 *     HeadReader (collects) -> HeadParser -> RequestLine, FieldSection (grammar) -> FramingFields (meaning) -> HeaderMap
 *
 * In: octets that stay untouched during the call. Out: a head that owns a copy of its field lines; or null, and `fault` says
 * why. Pure. Each connection owns one parser; the scratch objects are shared by all of a worker, since parsing never yields.
 */
import { Buffer } from 'node:buffer';
import { isValueOctet } from './characters.ts';
import { FieldSection } from './field-section.ts';
import { FramingFields } from './framing-fields.ts';
import type { HeaderMap } from './header-map.ts';
import type { RequestHead, ResponseHead } from './message.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { isAuthority, RequestLine } from './request-line.ts';
import { textOf } from './text-cache.ts';

/** How the end of a body is told (RFC 9112 6.3). */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'untilClose';

export type HeadParserOptions = Readonly<{
  maxFields: number;
  /** Takes several Host lines, joined by a comma, as Istio's Envoy does. */
  lenient: boolean;
}>;

const section = new FieldSection();
const fields = new FramingFields();
const requestLine = new RequestLine();

export class HeadParser {
  /** Why the last head was refused. */
  fault: ProtocolFault | null = null;
  /** Of the last head: how its body is framed. */
  framing: BodyFraming = 'none';
  /** Of the last head: its sender keeps the connection open (RFC 9112 9.3). */
  isPersistent = true;
  /** Of the last response: `Keep-Alive`, or null. */
  keepAliveHint: string | null = null;
  /** Of the last request, also a refused one: what could be read. */
  method = '';
  path = '';
  authority = '';

  readonly #options: HeadParserOptions;

  constructor(options: HeadParserOptions) {
    this.#options = options;
  }

  /** Parses the head from `start` to `end` (behind its empty line). `scheme` is that of the connection. */
  parseRequest(bytes: Buffer, start: number, end: number, scheme: string): RequestHead | null {
    const lineEnd = endOfLine(bytes, start);
    this.fault = requestLine.parse(bytes, start, lineEnd);
    if (lineEnd < 0) this.fault ??= faults.bareCr;
    this.method = requestLine.method;
    this.path = requestLine.path;
    this.authority = requestLine.authority ?? '';
    this.fault ??= section.parse(bytes, lineEnd + 2, end - 2, this.#options.maxFields);
    this.fault ??= fields.read(bytes, lineEnd + 2, section);
    this.fault ??= this.#readAuthority(bytes) ?? this.#frameRequest();
    if (this.fault !== null) return null;
    const isOld = requestLine.version === 'HTTP/1.0';
    this.isPersistent = isOld ? fields.keepAlive && !fields.close : !fields.close;
    return {
      method: requestLine.method,
      path: requestLine.path,
      authority: this.authority,
      scheme: requestLine.scheme ?? scheme,
      version: requestLine.version,
      headers: takeHeaders(bytes, lineEnd + 2, end - 2),
      upgrade: isOld || this.framing !== 'none' ? null : askedUpgrade(),
      contentLength: this.framing === 'chunked' ? -1 : Math.max(fields.contentLength, 0),
      expectsContinue: fields.expectsContinue && !isOld && this.framing !== 'none',
      isAbsoluteForm: requestLine.scheme !== null,
    };
  }

  /** Parses the head of a response to a request of `method`. */
  parseResponse(bytes: Buffer, start: number, end: number, method: string): ResponseHead | null {
    const lineEnd = endOfLine(bytes, start);
    const status = parseStatus(bytes, start, lineEnd);
    this.fault = status < 0 ? faults.statusLine : section.parse(bytes, lineEnd + 2, end - 2, this.#options.maxFields);
    this.fault ??= fields.read(bytes, lineEnd + 2, section);
    if (this.fault !== null) return null;
    const isOld = bytes[start + 7] === 0x30;
    this.fault = this.#frameResponse(status, method, isOld);
    if (this.fault !== null) return null;
    const isKept = isOld ? fields.keepAlive && !fields.close : !fields.close;
    this.isPersistent = isKept && this.framing !== 'untilClose';
    this.keepAliveHint = fields.keepAliveHint;
    const headers = takeHeaders(bytes, lineEnd + 2, end - 2);
    const mayHaveLength = status >= 200 && status !== 204 && this.framing !== 'chunked';
    if (!mayHaveLength && fields.contentLength >= 0) headers.remove('content-length');
    return {
      status,
      reason: textOf(bytes, Math.min(start + 13, lineEnd), lineEnd),
      version: isOld ? 'HTTP/1.0' : 'HTTP/1.1',
      headers,
      contentLength: mayHaveLength ? fields.contentLength : this.framing === 'none' ? 0 : -1,
      upgrade: status === 101 ? fields.upgradeTo : null,
    };
  }

  #readAuthority(bytes: Buffer): ProtocolFault | null {
    const isLenient = this.#options.lenient;
    if (fields.hostCount === 0) {
      const mayLack = requestLine.version === 'HTTP/1.0' || (isLenient && requestLine.authority !== null);
      return mayLack ? null : faults.hostMissing;
    }
    if (!isAuthority(bytes, fields.hostStart, fields.hostEnd)) return faults.hostInvalid;
    if (fields.moreHosts !== null && !isLenient) return faults.hostRepeated;
    if (requestLine.authority !== null) return null;
    this.authority = textOf(bytes, fields.hostStart, fields.hostEnd);
    return fields.moreHosts === null ? null : this.#joinHosts(fields.moreHosts);
  }

  #joinHosts(more: readonly string[]): ProtocolFault | null {
    const joined = Buffer.from([this.authority, ...more].join(','), 'latin1');
    this.authority = joined.toString('latin1');
    return isAuthority(joined, 0, joined.length) ? null : faults.hostInvalid;
  }

  #frameRequest(): ProtocolFault | null {
    const hasCoding = fields.codings > 0;
    if (hasCoding && fields.contentLength >= 0) return faults.lengthAndCoding;
    if (hasCoding && requestLine.version === 'HTTP/1.0') return faults.codingInOldVersion;
    if (fields.expectsOther && requestLine.version !== 'HTTP/1.0') return faults.expectation;
    this.framing = hasCoding ? 'chunked' : fields.contentLength > 0 ? 'length' : 'none';
    return this.framing !== 'none' && requestLine.method === 'CONNECT' ? faults.bodyDisallowed : null;
  }

  #frameResponse(status: number, method: string, isOld: boolean): ProtocolFault | null {
    const hasCoding = fields.codings > 0;
    if (hasCoding && fields.contentLength >= 0) return faults.lengthAndCoding;
    if (hasCoding && isOld) return faults.codingInOldVersion;
    const isTunnel = method === 'CONNECT' && status >= 200 && status < 300;
    if (status < 200 || status === 204 || status === 304 || method === 'HEAD' || isTunnel) this.framing = 'none';
    else if (hasCoding) this.framing = 'chunked';
    else if (fields.contentLength >= 0) this.framing = fields.contentLength > 0 ? 'length' : 'none';
    else this.framing = 'untilClose';
    return null;
  }
}

/** The protocol to change to, if the client asks for one that a proxy can carry on (so not `h2c`). */
function askedUpgrade(): string | null {
  if (!fields.upgrade || fields.upgradeTo === null || fields.upgradeTo === '') return null;
  return fields.upgradeTo.toLowerCase() === 'h2c' ? null : fields.upgradeTo;
}

/** The header map over a copy of the lines, as they travel on. */
function takeHeaders(bytes: Buffer, start: number, end: number): HeaderMap {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  const headers = section.takeHeaders(copy);
  if (fields.nominated !== null) for (const name of fields.nominated) headers.remove(name);
  if (fields.isLengthOdd) headers.set('content-length', String(fields.contentLength));
  if (fields.hasOtherTe && fields.acceptsTrailers) headers.set('te', 'trailers');
  return headers;
}

/** Parses `HTTP/1.x SP 3DIGIT [SP reason]` (RFC 9112 4; the blank before an empty reason may lack). -1: malformed. */
function parseStatus(bytes: Buffer, start: number, end: number): number {
  if (end - start < 12 || textOf(bytes, start, start + 7) !== 'HTTP/1.') return -1;
  if ((bytes[start + 7] !== 0x30 && bytes[start + 7] !== 0x31) || bytes[start + 8] !== 0x20) return -1;
  let status = 0;
  for (let i = start + 9; i < start + 12; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  if (end - start > 12 && bytes[start + 12] !== 0x20) return -1;
  for (let i = start + 13; i < end; i++) if (isValueOctet[bytes[i] ?? 0] === 0) return -1;
  return status < 100 ? -1 : status;
}

/** Where the CRLF of the first line is; -1 if its CR stands alone. */
function endOfLine(bytes: Buffer, start: number): number {
  const at = bytes.indexOf(0x0d, start);
  return bytes[at + 1] === 0x0a ? at : -1;
}
