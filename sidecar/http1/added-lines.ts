import { Buffer } from 'node:buffer';
import assert from 'node:assert/strict';
import type { ByteWriter } from './byte-writer.ts';
import { isTokenOctet, isValueOctet } from './characters.ts';
import { connectionFields } from './connection-fields.ts';
import { refuseValue } from './received-lines.ts';
import { isCredential } from './text-cache.ts';

/**
 * Writes the lines of messages of one kind that are text: those that a proxy adds, and all of what came by HTTP/2. Most of them are
 * those of the message before, which another client may have sent: such stretches are copied from its octets, and only what differs is
 * checked and written octet by octet, and so are credentials, which are not remembered. One a worker and kind.
 */
export class AddedLines {
  /** Of the last message, by place; the value of a line that is written anew each time is null. */
  readonly #names: string[] = [];
  readonly #values: (string | null)[] = [];
  /** Where each line begins in `#octets`, and the end of the last one. */
  readonly #starts: number[] = [];
  #count = 0;
  #octets: Buffer = Buffer.alloc(0);

  /** Writes the first `length` of these names and values, which stand in turns, each line as `name: value CRLF`. */
  write(writer: ByteWriter, texts: readonly string[], length: number): void {
    const octets = this.#octets;
    const names = this.#names;
    const values = this.#values;
    const starts = this.#starts;
    const known = this.#count;
    // Until all is written, should a line be refused.
    this.#count = 0;
    /** The stretch of the last message that is repeated; -1: none. */
    let from = -1;
    let to = 0;
    let start = starts[0] ?? 0;
    for (let place = 0; 2 * place < length; place++) {
      const name = texts[2 * place] ?? '';
      const value = texts[2 * place + 1] ?? '';
      const end = starts[place + 1] ?? 0;
      if (place < known && values[place] === value && names[place] === name) {
        if (from < 0) from = start;
        starts[place] = writer.position + start - from;
        to = end;
      } else {
        if (from >= 0) writer.bytes(octets, from, to);
        from = -1;
        starts[place] = writer.position;
        writeLine(writer, name, value);
        names[place] = name;
        values[place] = isCredential(name) ? null : value;
      }
      start = end;
    }
    if (from >= 0) writer.bytes(octets, from, to);
    starts[length / 2] = writer.position;
    this.#octets = writer.slab;
    this.#count = writer.isSlabSmall ? length / 2 : 0;
  }
}

/** Fields of one connection are the head writer's own: filters may have added such, received ones never get here. */
function writeLine(writer: ByteWriter, name: string, value: string): void {
  if (connectionFields.has(name)) return;
  if (name === '' || !writer.text(name, isTokenOctet)) assert.fail(`not a field name: ${JSON.stringify(name)}`);
  writer.octets(0x3a, 0x20);
  if (!writer.text(value, isValueOctet)) refuseValue(name, value);
  writer.octets(0x0d, 0x0a);
}
