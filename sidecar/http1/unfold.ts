import { Buffer } from 'node:buffer';

const cr = 0x0d;
const lf = 0x0a;
const space = 0x20;
const tab = 0x09;

/**
 * The head with CRLF at the end of each line, and with folded lines joined by one space (RFC 9112 2.2 and 5.2). A blank after the
 * first line is no fold and stays, to be refused.
 */
export function unfoldHead(bytes: Buffer, start: number, end: number): Buffer {
  // At worst every octet is an LF, which becomes two.
  const out = Buffer.allocUnsafe((end - start) * 2);
  let length = 0;
  let isFirstLine = true;
  for (let i = start; i < end; i++) {
    const octet = bytes[i] ?? 0;
    if (octet === cr) continue;
    if (octet !== lf) {
      out[length++] = octet;
      continue;
    }
    if (!isFirstLine && isBlank(bytes[i + 1])) {
      while (isBlank(bytes[i + 1])) i++;
      out[length++] = space;
      continue;
    }
    isFirstLine = false;
    out[length++] = cr;
    out[length++] = lf;
  }
  return out.subarray(0, length);
}

function isBlank(octet: number | undefined): boolean {
  return octet === space || octet === tab;
}
