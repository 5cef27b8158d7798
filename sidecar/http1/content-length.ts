/** The number that the octets from `start` to `end` spell in digits alone, or -1. Fifteen digits are within a safe integer. */
export function parseContentLength(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > 999_999_999_999_999) return -1;
  }
  return value;
}
