import { Buffer } from 'node:buffer';
import { isValueOctet } from './characters.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { unfoldHead } from './unfold.ts';

const cr = 0x0d;
const lf = 0x0a;
const endOfHead = Buffer.from('\r\n\r\n');

/** Where the scan stands: within a line, behind its CR, at the start of a line, behind a CR there, behind the empty line. */
const inLine = 0;
const afterCr = 1;
const atLineStart = 2;
const afterCrAtLineStart = 3;
const atEnd = 4;

export type HeadReaderOptions = Readonly<{
  maxBytes: number;
  /** Takes LF for a line end and joins folded lines by a space. What is read is canonical nevertheless. */
  lenient: boolean;
  /** What is read: empty lines may come before a request line (RFC 9112 2.2); trailers may be an empty line alone. */
  kind: 'request' | 'response' | 'trailers';
}>;

/**
 * Collects the octets of one head (or trailer section) up to its empty line, however they arrive. Each octet is looked at once,
 * and what no head can hold is refused at once. A head that arrives in one piece is not copied. Pure: owned by one connection.
 */
export class HeadReader {
  /** When complete: the head lies in `bytes` from `start` to `end`, the empty line included. */
  bytes: Buffer = endOfHead;
  start = 0;
  end = 0;
  /** When complete: where in the buffer given to `read` the rest starts. */
  next = 0;
  fault: ProtocolFault | null = null;

  readonly #options: HeadReaderOptions;
  #kept: Buffer | null = null;
  #keptBytes = 0;
  #state: number;
  #isIrregular = false;
  #emptyLineOctets = 0;
  #isAfterLeadingCr = false;

  constructor(options: HeadReaderOptions) {
    this.#options = options;
    this.#state = options.kind === 'trailers' ? atLineStart : inLine;
  }

  /** Whether part of a head has come. */
  get hasBegun(): boolean {
    return this.#keptBytes > 0;
  }

  /** Takes octets from `from` on. After `complete` the next call begins a new head. */
  read(bytes: Buffer, from: number): 'incomplete' | 'complete' | 'fault' {
    let start = from;
    if (this.#keptBytes === 0 && this.#options.kind === 'request') {
      start = this.#skipEmptyLines(bytes, from);
      if (this.fault !== null) return 'fault';
      if (start === bytes.length) return 'incomplete';
    }
    if (this.#keptBytes === 0 && this.#options.kind !== 'trailers') {
      const end = bytes.indexOf(endOfHead, start) + 4;
      const isWhole = end >= 4 && end - start <= this.#options.maxBytes;
      if (isWhole && (!this.#options.lenient || isRegular(bytes, start, end)))
        return this.#complete(bytes, start, end, end);
    }
    return this.#readOn(bytes, start);
  }

  /** Why the octets of a head that could not be parsed are no head, if that is told by octets alone: the same however they came. */
  diagnose(): ProtocolFault | null {
    this.#state = inLine;
    for (let i = this.start; i < this.end && this.#state !== atEnd; i++) {
      const fault = this.#step(this.bytes[i] ?? 0);
      if (fault !== null) return fault;
    }
    return null;
  }

  #readOn(bytes: Buffer, start: number): 'incomplete' | 'complete' | 'fault' {
    const room = this.#options.maxBytes - this.#keptBytes;
    const end = Math.min(bytes.length, start + room);
    let at = start;
    while (at < end && this.#state !== atEnd) {
      this.fault = this.#step(bytes[at++] ?? 0);
      if (this.fault !== null) return 'fault';
    }
    if (this.#state === atEnd && this.#keptBytes === 0) return this.#complete(bytes, start, at, at);
    this.#keep(bytes, start, at);
    if (this.#state === atEnd) return this.#complete(this.#kept ?? bytes, 0, this.#keptBytes, at);
    if (this.#keptBytes < this.#options.maxBytes) return 'incomplete';
    this.fault = faults.headTooLarge;
    return 'fault';
  }

  #complete(bytes: Buffer, start: number, end: number, next: number): 'complete' {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.next = next;
    if (this.#isIrregular) {
      this.bytes = unfoldHead(bytes, start, end);
      this.start = 0;
      this.end = this.bytes.length;
    }
    this.#kept = null;
    this.#keptBytes = 0;
    this.#isIrregular = false;
    this.#emptyLineOctets = 0;
    this.#state = this.#options.kind === 'trailers' ? atLineStart : inLine;
    return 'complete';
  }

  #step(octet: number): ProtocolFault | null {
    const state = this.#state;
    if (octet === lf) {
      if (state === afterCr) this.#state = atLineStart;
      else if (state === afterCrAtLineStart) this.#state = atEnd;
      else if (!this.#options.lenient) return faults.bareLf;
      else {
        this.#isIrregular = true;
        this.#state = state === inLine ? atLineStart : atEnd;
      }
      return null;
    }
    if (state === afterCr || state === afterCrAtLineStart) return faults.bareCr;
    if (octet === cr) {
      this.#state = state === atLineStart ? afterCrAtLineStart : afterCr;
      return null;
    }
    if (isValueOctet[octet] === 0) return faults.controlCharacter;
    if (state === atLineStart && (octet === 0x20 || octet === 0x09)) this.#isIrregular = this.#options.lenient;
    this.#state = inLine;
    return null;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const total = this.#keptBytes + end - start;
    if (this.#kept === null || this.#kept.length < total) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, total * 2));
      this.#kept?.copy(larger, 0, 0, this.#keptBytes);
      this.#kept = larger;
    }
    bytes.copy(this.#kept, this.#keptBytes, start, end);
    this.#keptBytes = total;
  }

  #skipEmptyLines(bytes: Buffer, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const octet = bytes[at];
      if (octet === lf && (this.#isAfterLeadingCr || this.#options.lenient)) this.#isAfterLeadingCr = false;
      else if (octet === cr && !this.#isAfterLeadingCr) this.#isAfterLeadingCr = true;
      else break;
    }
    this.#emptyLineOctets += at - from;
    if (this.#emptyLineOctets > this.#options.maxBytes) this.fault = faults.tooManyEmptyLines;
    if (this.#isAfterLeadingCr && at < bytes.length) this.fault = faults.bareCr;
    return at;
  }
}

/** Whether each line ends in CRLF and none is folded: then a lenient reader has nothing to mend either. */
function isRegular(bytes: Buffer, start: number, end: number): boolean {
  let previous = 0;
  for (let at = start; at < end; at++) {
    const octet = bytes[at] ?? 0;
    if (octet === lf ? previous !== cr : previous === lf && (octet === 0x20 || octet === 0x09)) return false;
    previous = octet;
  }
  return true;
}
