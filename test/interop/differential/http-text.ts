/** A small reader of HTTP/1.1 messages from bytes that have come so far, for both ends of the table. */

export type Fields = readonly (readonly [name: string, value: string])[];

/** The start line and fields of a message. */
export type Head = Readonly<{ start: string; fields: Fields }>;

/** A whole message and how many bytes it took. */
export type Message = Readonly<{ head: Head; body: Buffer; trailers: Fields; size: number }>;

/** How the end of a body is told. */
export type Framing = 'none' | 'untilClose' | 'byHead';

/** The head at the beginning of the bytes, or null while it is not whole. */
export function readHead(bytes: Buffer): { head: Head; size: number } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [start = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  return { head: { start, fields: lines.map(toField) }, size: end + 4 };
}

function toField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** The value of a field, or undefined. */
export function field({ fields }: Head, name: string): string | undefined {
  return fields.find(([known]) => known.toLowerCase() === name)?.[1];
}

/** The message at the beginning of the bytes, or null while it is not whole. */
export function readMessage(bytes: Buffer, framing: Framing, isClosed: boolean): Message | null {
  const found = readHead(bytes);
  if (found === null) return null;
  const { head, size } = found;
  const rest = bytes.subarray(size);
  if (framing === 'none') return { head, body: Buffer.alloc(0), trailers: [], size };
  if (field(head, 'transfer-encoding')?.toLowerCase() === 'chunked') return readChunked(head, rest, size);
  const length = field(head, 'content-length');
  if (length === undefined) {
    if (framing === 'byHead') return { head, body: Buffer.alloc(0), trailers: [], size };
    return isClosed ? { head, body: rest, trailers: [], size: bytes.length } : null;
  }
  const needed = Number(length);
  if (rest.length < needed) return null;
  return { head, body: rest.subarray(0, needed), trailers: [], size: size + needed };
}

function readChunked(head: Head, rest: Buffer, headSize: number): Message | null {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (rest.length < at + size + 2) return null;
    chunks.push(rest.subarray(at, at + size));
    at += size + 2;
  }
  const body = Buffer.concat(chunks);
  if (rest.subarray(at, at + 2).toString() === '\r\n') return { head, body, trailers: [], size: headSize + at + 2 };
  const end = rest.indexOf('\r\n\r\n', at);
  if (end < 0) return null;
  const trailers = rest.toString('latin1', at, end).split('\r\n').map(toField);
  return { head, body, trailers, size: headSize + end + 4 };
}
