import { equalsIgnoringCase } from './characters.ts';
import { parseContentLength } from './content-length.ts';
import type { FieldSection } from './field-section.ts';
import { lineWidth } from './received-lines.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { eachToken } from './token-list.ts';

/** What a `Connection` line may name and is nevertheless kept: fields for the recipient, whatever a client says (RFC 9110 7.6.1). */
const endToEnd: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'forwarded',
  'te',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/** Not trimmed by JavaScript, to which other octets are blanks too. */
const trailersMember = /^[ \t]*trailers[ \t]*$/i;

/**
 * Reads the fields that frame a message or speak of this connection, and takes those out that do not travel on (RFC 9110 7.6.1).
 * One instance serves all parsers of a worker; its values are read before the next section.
 */
export class FramingFields {
  /** -1: none. */
  contentLength = -1;
  /** The one Content-Length line is spelt otherwise than we would (leading zeros). */
  isLengthOdd = false;
  codings = 0;
  isChunkedLast = false;
  hostCount = 0;
  /** Bounds of the first Host. */
  hostStart = 0;
  hostEnd = 0;
  /** Values of further Host lines. */
  moreHosts: string[] | null = null;
  close = false;
  keepAlive = false;
  upgrade = false;
  /** Fields to remove because Connection names them. */
  nominated: string[] | null = null;
  upgradeTo: string | null = null;
  keepAliveHint: string | null = null;
  expectsContinue = false;
  expectsOther = false;
  /** TE has members other than `trailers`, or spells that otherwise. */
  hasOtherTe = false;
  acceptsTrailers = false;

  #valueStart = 0;
  #valueEnd = 0;

  /** Reads the lines of `section`, whose octets start at `start`, and drops from it what does not travel on. */
  read(bytes: Buffer, start: number, section: FieldSection): ProtocolFault | null {
    this.#reset();
    const lines = section.lines;
    let kept = 0;
    for (let at = 0; at < section.length; at += lineWidth) {
      const name = start + (lines[at] ?? 0);
      this.#valueStart = start + (lines[at + 2] ?? 0);
      this.#valueEnd = start + (lines[at + 3] ?? 0);
      const verdict = this.#readField(bytes, name, start + (lines[at + 1] ?? 0));
      if (typeof verdict !== 'boolean') return verdict;
      if (!verdict) continue;
      if (kept !== at) for (let i = 0; i < lineWidth; i++) lines[kept + i] = lines[at + i] ?? 0;
      kept += lineWidth;
    }
    section.length = kept;
    return null;
  }

  #reset(): void {
    this.contentLength = -1;
    this.isLengthOdd = false;
    this.codings = 0;
    this.isChunkedLast = false;
    this.hostCount = 0;
    this.moreHosts = null;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.nominated = null;
    this.upgradeTo = null;
    this.keepAliveHint = null;
    this.expectsContinue = false;
    this.expectsOther = false;
    this.hasOtherTe = false;
    this.acceptsTrailers = false;
  }

  /** Whether the line stays among the headers, or what is wrong with it. */
  #readField(bytes: Buffer, start: number, end: number): boolean | ProtocolFault {
    switch (end - start) {
      case 2:
        return equalsIgnoringCase(bytes, start, end, 'te') ? this.#readTe(bytes) : true;
      case 4:
        return equalsIgnoringCase(bytes, start, end, 'host') ? this.#readHost(bytes) : true;
      case 6:
        return equalsIgnoringCase(bytes, start, end, 'expect') ? this.#readExpect(bytes) : true;
      case 7:
        return equalsIgnoringCase(bytes, start, end, 'upgrade') ? this.#readUpgrade(bytes) : true;
      case 10:
        if (equalsIgnoringCase(bytes, start, end, 'connection')) return this.#readConnection(bytes);
        return equalsIgnoringCase(bytes, start, end, 'keep-alive') ? this.#readKeepAlive(bytes) : true;
      case 14:
        if (equalsIgnoringCase(bytes, start, end, 'content-length')) return this.#readContentLength(bytes);
        return !equalsIgnoringCase(bytes, start, end, 'http2-settings');
      case 16:
        return !equalsIgnoringCase(bytes, start, end, 'proxy-connection');
      case 17:
        return equalsIgnoringCase(bytes, start, end, 'transfer-encoding') ? this.#readTransferEncoding(bytes) : true;
      default:
        return true;
    }
  }

  #readTe(bytes: Buffer): boolean {
    const value = this.#valueOf(bytes);
    if (value === 'trailers') {
      const isFirst = !this.acceptsTrailers;
      this.acceptsTrailers = true;
      return isFirst;
    }
    this.hasOtherTe = true;
    this.acceptsTrailers ||= value.split(',').some((member) => trailersMember.test(member));
    return false;
  }

  #readHost(bytes: Buffer): boolean {
    if (this.hostCount++ === 0) {
      this.hostStart = this.#valueStart;
      this.hostEnd = this.#valueEnd;
    } else {
      (this.moreHosts ??= []).push(this.#valueOf(bytes));
    }
    return false;
  }

  #readExpect(bytes: Buffer): boolean {
    if (this.#valueIs(bytes, '100-continue')) this.expectsContinue = true;
    else this.expectsOther = true;
    return false;
  }

  #readUpgrade(bytes: Buffer): boolean {
    const value = this.#valueOf(bytes);
    this.upgradeTo = this.upgradeTo === null ? value : `${this.upgradeTo}, ${value}`;
    return false;
  }

  #readConnection(bytes: Buffer): boolean | ProtocolFault {
    if (this.#valueIs(bytes, 'keep-alive')) {
      this.keepAlive = true;
      return false;
    }
    if (this.#valueIs(bytes, 'close')) {
      this.close = true;
      return false;
    }
    const isList = eachToken(bytes, this.#valueStart, this.#valueEnd, (start, end) => {
      this.#readConnectionOption(bytes.toString('latin1', start, end).toLowerCase());
      return true;
    });
    return isList ? false : faults.connectionOptions;
  }

  #readConnectionOption(option: string): void {
    if (option === 'close') this.close = true;
    else if (option === 'keep-alive') this.keepAlive = true;
    else if (option === 'upgrade') this.upgrade = true;
    else if (!endToEnd.has(option)) (this.nominated ??= []).push(option);
  }

  #readKeepAlive(bytes: Buffer): boolean {
    this.keepAliveHint = this.#valueOf(bytes);
    return false;
  }

  #readContentLength(bytes: Buffer): boolean | ProtocolFault {
    const length = parseContentLength(bytes, this.#valueStart, this.#valueEnd);
    if (length < 0) return faults.contentLength;
    if (this.contentLength >= 0) return this.contentLength === length ? false : faults.contentLengthsDiffer;
    this.contentLength = length;
    this.isLengthOdd = bytes[this.#valueStart] === 0x30 && this.#valueEnd - this.#valueStart > 1;
    return true;
  }

  #readTransferEncoding(bytes: Buffer): boolean | ProtocolFault {
    this.codings++;
    if (this.#valueIs(bytes, 'chunked')) {
      if (this.isChunkedLast) return faults.codingMalformed;
      this.isChunkedLast = true;
      return false;
    }
    if (this.isChunkedLast) return faults.codingMalformed;
    let isUnknown = false;
    const isList = eachToken(bytes, this.#valueStart, this.#valueEnd, (start, end) => {
      if (this.isChunkedLast) return false;
      if (equalsIgnoringCase(bytes, start, end, 'chunked')) this.isChunkedLast = true;
      else isUnknown = true;
      return true;
    });
    return isList && !isUnknown && this.isChunkedLast ? false : this.#codingFault(isList, isUnknown);
  }

  #codingFault(isList: boolean, isUnknown: boolean): ProtocolFault {
    return isList && isUnknown ? faults.codingUnknown : faults.codingMalformed;
  }

  #valueIs(bytes: Buffer, text: string): boolean {
    return equalsIgnoringCase(bytes, this.#valueStart, this.#valueEnd, text);
  }

  #valueOf(bytes: Buffer): string {
    return bytes.toString('latin1', this.#valueStart, this.#valueEnd);
  }
}
