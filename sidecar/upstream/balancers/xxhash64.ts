/**
 * xxHash64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md): the hash of Envoy's hash policies, rings and Maglev
 * tables. Two proxies must agree on it, or a key goes to another endpoint through each.
 */
const prime1 = 0x9e3779b185ebca87n;
const prime2 = 0xc2b2ae3d27d4eb4fn;
const prime3 = 0x165667b19e3779f9n;
const prime4 = 0x85ebca77c2b2ae63n;
const prime5 = 0x27d4eb2f165667c5n;
const mask = 0xffff_ffff_ffff_ffffn;

/** The hash of bytes, or of a text as UTF-8. */
export function xxHash64(input: string | Uint8Array, seed = 0n): bigint {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let hash: bigint;
  if (bytes.length >= 32) {
    const lanes: [bigint, bigint, bigint, bigint] = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1];
    for (; at + 32 <= bytes.length; at += 32) stripe(lanes, view, at);
    hash = rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n);
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * prime1 + prime4) & mask;
  } else hash = seed + prime5;
  hash = (hash + BigInt(bytes.length)) & mask;
  for (; at + 8 <= bytes.length; at += 8)
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * prime1 + prime4) & mask;
  if (at + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(at, true)) * prime1) & mask), 23n) * prime2 + prime3) & mask;
    at += 4;
  }
  for (; at < bytes.length; at++)
    hash = (rotate(hash ^ ((BigInt(view.getUint8(at)) * prime5) & mask), 11n) * prime1) & mask;
  return avalanche(hash);
}

function stripe(lanes: [bigint, bigint, bigint, bigint], view: DataView, at: number): void {
  lanes[0] = round(lanes[0], view.getBigUint64(at, true));
  lanes[1] = round(lanes[1], view.getBigUint64(at + 8, true));
  lanes[2] = round(lanes[2], view.getBigUint64(at + 16, true));
  lanes[3] = round(lanes[3], view.getBigUint64(at + 24, true));
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * prime2) & mask, 31n) * prime1) & mask;
}

function rotate(value: bigint, bits: bigint): bigint {
  const low = value & mask;
  return ((low << bits) | (low >> (64n - bits))) & mask;
}

function avalanche(hash: bigint): bigint {
  let mixed = ((hash ^ (hash >> 33n)) * prime2) & mask;
  mixed = ((mixed ^ (mixed >> 29n)) * prime3) & mask;
  return mixed ^ (mixed >> 32n);
}
