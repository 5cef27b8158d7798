import { Buffer } from 'node:buffer';
import type { AccessRecord } from './access-record.ts';
import type { FormatPart } from './format.ts';
import type { OperatorValue } from './format-operators.ts';
import type { LogLines } from './log-lines.ts';

/**
 * Writes the lines of one format. Most of a line is what the last one said: method, path, host, cluster, addresses. Stretches that did
 * not change are copied from it as octets, and only values that differ are written; what is not there is `-`.
 */
export class LineMaker {
  readonly #operators: OperatorValue[] = [];
  /** What stands before each operator, and behind the last; and how many octets that are. */
  readonly #texts: string[] = [''];
  readonly #textBytes: readonly number[];
  /** What the last line said, and where in it each value begins; one more: where one behind the last text would. */
  readonly #values: (string | number | null)[];
  readonly #starts: number[];
  /** Where the last line is, of which lines, and since when. */
  #lines: LogLines | null = null;
  #generation = 0;
  #lineStart = 0;

  constructor(parts: readonly FormatPart[]) {
    for (const part of parts) {
      if (typeof part === 'string') this.#texts[this.#texts.length - 1] += part;
      else {
        this.#operators.push(part);
        this.#texts.push('');
      }
    }
    this.#textBytes = this.#texts.map((text) => Buffer.byteLength(text));
    this.#values = this.#operators.map(() => null);
    this.#starts = this.#texts.map(() => 0);
  }

  /** Writes the line of an exchange. */
  write(record: AccessRecord, lines: LogLines): void {
    const start = lines.length;
    if (lines === this.#lines && lines.generation === this.#generation) this.#writeLike(record, lines);
    else this.#writeAnew(record, lines);
    this.#lineStart = start;
  }

  #writeAnew(record: AccessRecord, lines: LogLines): void {
    const lineStart = lines.length;
    for (let i = 0; i < this.#texts.length; i++) {
      lines.text(this.#texts[i] ?? '');
      this.#starts[i] = lines.length - lineStart;
      const value = this.#operators[i]?.(record);
      if (value === undefined) break;
      this.#values[i] = value;
      writeValue(lines, value);
    }
    this.#lines = lines;
    this.#generation = lines.generation;
  }

  #writeLike(record: AccessRecord, lines: LogLines): void {
    const operators = this.#operators;
    const values = this.#values;
    const starts = this.#starts;
    const last = this.#lineStart;
    /** From where on the last line is to be copied, and how much further from its beginning the same now is. */
    let from = 0;
    let shift = 0;
    for (let i = 0; i < operators.length; i++) {
      const start = starts[i] ?? 0;
      starts[i] = start + shift;
      const value = operators[i]?.(record) ?? null;
      if (value === values[i]) continue;
      lines.repeat(last + from, last + start);
      values[i] = value;
      const before = lines.length;
      writeValue(lines, value);
      from = (starts[i + 1] ?? 0) - (this.#textBytes[i + 1] ?? 0);
      shift += lines.length - before - (from - start);
    }
    const end = starts[operators.length] ?? 0;
    lines.repeat(last + from, last + end);
    starts[operators.length] = end + shift;
  }
}

function writeValue(lines: LogLines, value: string | number | null): void {
  if (typeof value === 'number') lines.number(value);
  else lines.text(value ?? '-');
}
