import { codeBits, codes } from './huffman-code.ts';

/** Code of an octet above its bits, in one word; 0 if it has more than 16 bits, as no printable character but `\` has. */
const shortCodes = Uint32Array.from({ length: 256 }, (_, octet) => {
  const bits = codeBits[octet] ?? 0;
  return bits > 16 ? 0 : ((codes[octet] ?? 0) << 8) | bits;
});

/** More octets than this a character never takes, nor does the padding of a string beside them. */
export const maxOctetsPerCharacter = 4;

/** Octets that `text` takes in Huffman code (RFC 7541 5.2), or -1 if a character is no octet (latin1). */
export function huffmanBytes(text: string): number {
  let bits = 0;
  let all = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    all |= octet;
    bits += codeBits[octet & 0xff] ?? 0;
  }
  return all > 0xff ? -1 : (bits + 7) >>> 3;
}

/**
 * Writes the Huffman code of `text` (latin1), padded by ones, to `bytes` from `at` on; there must be room. Where it ends, or -1 if a
 * character is no octet. Short codes and two octets at a time halve the time (bench/micro/hpack.ts).
 */
export function encodeHuffman(text: string, bytes: Uint8Array, at: number): number {
  // Of `pending`, only the low `count` bits are still to be written; what is above falls out at the top.
  let pending = 0;
  let count = 0;
  let all = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    all |= octet;
    const short = shortCodes[octet & 0xff] ?? 0;
    let code = short >>> 8;
    let bits = short & 0xff;
    if (short === 0) {
      // With up to 15 pending bits, a long code may not fit into 32: its upper part goes first.
      code = codes[octet & 0xff] ?? 0;
      bits = (codeBits[octet & 0xff] ?? 0) - 16;
      pending = (pending << bits) | (code >>> 16);
      count += bits;
      if (count >= 16) {
        count -= 16;
        bytes[at++] = pending >>> (count + 8);
        bytes[at++] = pending >>> count;
      }
      code &= 0xffff;
      bits = 16;
    }
    pending = (pending << bits) | code;
    count += bits;
    if (count >= 16) {
      count -= 16;
      bytes[at++] = pending >>> (count + 8);
      bytes[at++] = pending >>> count;
    }
  }
  if (count >= 8) bytes[at++] = pending >>> (count -= 8);
  if (count > 0) bytes[at++] = (pending << (8 - count)) | (0xff >>> count);
  return all > 0xff ? -1 : at;
}
