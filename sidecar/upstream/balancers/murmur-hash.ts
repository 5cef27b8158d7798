/** The 64-bit MurmurHash2 of libstdc++'s `std::hash<std::string>`, with its seed: what Envoy's MURMUR_HASH_2 rings are made of. */
const multiplier = 0xc6a4a7935bd1e995n;
const seed = 0xc70f6907n;
const mask = 0xffff_ffff_ffff_ffffn;

/** The hash of a text as UTF-8. */
export function murmurHash2(text: string): bigint {
  const bytes = Buffer.from(text);
  const whole = bytes.length - (bytes.length % 8);
  let hash = seed ^ ((BigInt(bytes.length) * multiplier) & mask);
  for (let at = 0; at < whole; at += 8) {
    const block = (shiftMix((bytes.readBigUInt64LE(at) * multiplier) & mask) * multiplier) & mask;
    hash = ((hash ^ block) * multiplier) & mask;
  }
  if (whole < bytes.length) {
    let rest = 0n;
    for (let at = bytes.length - 1; at >= whole; at--) rest = (rest << 8n) | BigInt(bytes[at] ?? 0);
    hash = ((hash ^ rest) * multiplier) & mask;
  }
  hash = (shiftMix(hash) * multiplier) & mask;
  return shiftMix(hash);
}

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n);
}
