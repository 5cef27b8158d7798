import { isTokenOctet, isValueOctet } from './characters.ts';
import { HeaderMap } from './header-map.ts';
import { faults, type ProtocolFault } from './protocol-error.ts';
import { lineWidth } from './received-lines.ts';

const space = 0x20;
const tab = 0x09;

/**
 * The grammar of field lines (RFC 9112 5), whatever they mean: each line as four offsets, relative to the start of the section.
 * One instance serves all parsers of a worker: its lines are taken from it before the next section is parsed.
 */
export class FieldSection {
  /** Scratch: name start, name end, value start, value end of each line; only the first `length` count. */
  readonly lines: number[] = Array.from({ length: 100 * lineWidth }, () => 0);
  length = 0;

  /** Parses the lines from `start` to `end`, which is just behind the CRLF of the last. */
  parse(bytes: Uint8Array, start: number, end: number, maxFields: number): ProtocolFault | null {
    const lines = this.lines;
    const maxLength = maxFields * lineWidth;
    let length = 0;
    let at = start;
    while (at < end) {
      if (length === maxLength) return faults.tooManyFields;
      const nameStart = at;
      while (isTokenOctet[bytes[at] ?? 0] === 1) at++;
      const nameEnd = at;
      if (nameEnd === nameStart || bytes[at] !== 0x3a) return faults.fieldName;
      at++;
      while (bytes[at] === space || bytes[at] === tab) at++;
      const valueStart = at;
      while (isValueOctet[bytes[at] ?? 0] === 1) at++;
      if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a || at >= end) return faults.fieldValue;
      let valueEnd = at;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--;
      at += 2;
      lines[length] = nameStart - start;
      lines[length + 1] = nameEnd - start;
      lines[length + 2] = valueStart - start;
      lines[length + 3] = valueEnd - start;
      length += lineWidth;
    }
    this.length = length;
    return null;
  }

  /** A header map of the lines over `bytes`, a copy of the section. */
  takeHeaders(bytes: Buffer): HeaderMap {
    return new HeaderMap(bytes, this.lines.slice(0, this.length));
  }
}
