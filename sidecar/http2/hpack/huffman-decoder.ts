import { Buffer } from 'node:buffer';
import { codeBits, codes, eos } from './huffman-code.ts';
import { faults } from './faults.ts';

/**
 * The decoder is a state machine over octets. A state is an inner node of the code tree (there are 256, the root is 0). An
 * octet completes at most two codes, since the shortest has five bits; so a step is packed as
 *
 *     bit 31: EOS was met | bits 16-23: next state | bits 24-25: number of symbols | bits 8-15: second symbol | bits 0-7: first
 *
 * The table takes 256 KB, once a worker that decodes a Huffman string at all. Steps of four bits need 16 KB, and take 1.7 times as
 * long: 97 instead of 57 ns for the symbols of a `:path` of 39 (bench/micro/hpack.ts has what the whole takes).
 */
let steps: Uint32Array | null = null;
/** 1 for states in which a string may end: at the root or up to seven ones below it (RFC 7541 5.2). */
const mayEnd = new Uint8Array(256);

const metEos = 0x8000_0000;
const oneSymbol = 0x100_0000;
/** Longer strings are decoded in memory of their own. */
const maxKeptBytes = 64 * 1024;

/** Decodes strings (RFC 7541 5.2). */
export class HuffmanDecoder {
  /** Why the last string was refused. */
  fault = '';
  #memory = Buffer.allocUnsafeSlow(1024);

  /** Decodes `bytes[start, end)` to a latin1 string; null if malformed, `fault` says why. Work and memory: 1.6 times the length. */
  decode(bytes: Uint8Array, start: number, end: number): string | null {
    const table = (steps ??= compileSteps());
    const text = this.#roomFor(end - start);
    let state = 0;
    let length = 0;
    for (let i = start; i < end; i++) {
      const step = table[(state << 8) | (bytes[i] ?? 0)] ?? 0;
      if (step >= metEos) {
        this.fault = faults.huffmanEos;
        return null;
      }
      // Writes two symbols whatever their number: what is too much is overwritten.
      text[length] = step;
      text[length + 1] = step >>> 8;
      length += step >>> 24;
      state = (step >>> 16) & 0xff;
    }
    if (mayEnd[state] === 1) return text.toString('latin1', 0, length);
    this.fault = faults.huffmanPadding;
    return null;
  }

  /** Memory for the symbols of `octets`, each of five bits at least, and for two more. */
  #roomFor(octets: number): Buffer {
    const bytes = Math.ceil((octets * 8) / 5) + 2;
    if (bytes <= this.#memory.length) return this.#memory;
    const memory = Buffer.allocUnsafeSlow(bytes);
    if (bytes <= maxKeptBytes) this.#memory = memory;
    return memory;
  }
}

/** A tree of pairs: `[2 * node + bit]` is the child node, or `~symbol`. */
function buildTree(): number[] {
  const tree = [0, 0];
  for (let symbol = 0; symbol <= eos; symbol++) {
    const code = codes[symbol] ?? 0;
    let node = 0;
    for (let bit = (codeBits[symbol] ?? 0) - 1; bit >= 0; bit--) {
      const at = 2 * node + ((code >>> bit) & 1);
      if (bit === 0) tree[at] = ~symbol;
      else if (tree[at] === 0) {
        tree[at] = tree.length / 2;
        tree.push(0, 0);
      }
      node = tree[at] ?? 0;
    }
  }
  return tree;
}

/** Joins steps of four bits: 4 ms, once, where walking eight bits each takes 8. */
function compileSteps(): Uint32Array {
  const tree = buildTree();
  const halves = Uint32Array.from({ length: 256 * 16 }, (_, at) => compileHalf(tree, at >> 4, at & 0xf));
  const table = new Uint32Array(256 * 256);
  for (let at = 0; at < table.length; at++) {
    const first = halves[at >> 4] ?? 0;
    const second = halves[((first >>> 12) & 0xff0) | (at & 0xf)] ?? 0;
    table[at] = first >= metEos || second >= metEos ? metEos : join(first, second);
  }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = tree[2 * node + 1] ?? 0;
  }
  return table;
}

/** A step of four bits, packed as one of eight; it completes one code at most. */
function compileHalf(tree: readonly number[], state: number, bits: number): number {
  let node = state;
  let symbol = 0;
  for (let bit = 3; bit >= 0; bit--) {
    node = tree[2 * node + ((bits >> bit) & 1)] ?? 0;
    if (node >= 0) continue;
    if (~node === eos) return metEos;
    symbol = oneSymbol | ~node;
    node = 0;
  }
  return (node << 16) | symbol;
}

function join(first: number, second: number): number {
  const count = first >>> 24;
  return (count << 24) + (first & 0xff) + (second & ~0xff) + ((second & 0xff) << (8 * count));
}
