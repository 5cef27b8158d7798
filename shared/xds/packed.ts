/** Messages that are kept for later, as they travel: a tenth of what their typed form takes. */
import { decodeMessage } from './decode.ts';
import type { TypedMessage } from './typed.ts';

/**
 * A message in its binary form, an octet a character of Latin-1: beside its text a string takes 16 octets, a `Buffer` some 300, and
 * messages are small and many.
 */
export type PackedMessage = Readonly<{ typeUrl: string; octets: string }>;

/** Keeps the binary form of a message of this type; the bytes themselves are the caller's again. */
export function packMessage(typeUrl: string, { buffer, byteOffset, byteLength }: Uint8Array): PackedMessage {
  return { typeUrl, octets: Buffer.from(buffer, byteOffset, byteLength).toString('latin1') };
}

/** The binary form again. */
export function packedBytes({ octets }: PackedMessage): Buffer {
  return Buffer.from(octets, 'latin1');
}

/** The typed form, made anew at each call. Malformed bytes throw `protocol`. */
export function unpackMessage(packed: PackedMessage): TypedMessage {
  return decodeMessage(packed.typeUrl, packedBytes(packed));
}
