/**
 * Where the parts of a DNS message lie (RFC 1035, section 4), for messages that are passed on: only ids, lifetimes and ends of them are
 * touched, whatever records they carry. What is foreign is walked once, forwards, and never followed by its pointers.
 */

/** Length of the head of a message. */
export const headLength = 12;

/** Bits of the second pair of octets. */
export const flagBits = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
  rcode: 0x000f,
} as const;

/** Response codes that are looked at or given. */
export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

/** Types of records that are looked at. */
export const recordTypes = { a: 1, cname: 5, soa: 6, aaaa: 28, opt: 41 } as const;

/** One record: from the first octet of its name to behind its last. */
export type RecordAt = Readonly<{
  section: 'answer' | 'authority' | 'additional';
  start: number;
  /** Behind the name: type, class, lifetime, length, data. */
  body: number;
  end: number;
  type: number;
}>;

/** The parts of a message with one question. */
export type Layout = Readonly<{ questionEnd: number; records: readonly RecordAt[] }>;

/** The layout of a message with one question; null for anything else. */
export function layoutOf(message: Buffer): Layout | null {
  if (message.length < headLength || message.readUInt16BE(4) !== 1) return null;
  const nameEnd = behindName(message, headLength);
  if (nameEnd < 0 || nameEnd + 4 > message.length) return null;
  const records: RecordAt[] = [];
  let at = nameEnd + 4;
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    for (let left = message.readUInt16BE(6 + 2 * index); left > 0; left--) {
      const body = behindName(message, at);
      if (body < 0 || body + 10 > message.length) return null;
      const end = body + 10 + message.readUInt16BE(body + 8);
      if (end > message.length) return null;
      records.push({ section, start: at, body, end, type: message.readUInt16BE(body) });
      at = end;
    }
  }
  return { questionEnd: nameEnd + 4, records };
}

/** The octet behind a name; -1 when it does not end within the message, or is too long. */
function behindName(message: Buffer, start: number): number {
  let at = start;
  while (at - start < 256) {
    const length = message[at];
    if (length === undefined) return -1;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : -1;
    if (length > 63) return -1;
    at += length + 1;
  }
  return -1;
}

/** The same message under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** The same message with another response code. */
export function withRcode(message: Buffer, rcode: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE((copy.readUInt16BE(2) & ~flagBits.rcode) | rcode, 2);
  return copy;
}

/** The response code of the head. */
export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & flagBits.rcode;
}

/** A message of at most `limit` octets: whole records from the front, marked as truncated when some are left out. OPT stays. */
export function truncate(message: Buffer, layout: Layout, limit: number): Buffer {
  if (message.length <= limit) return message;
  const opt = layout.records.find(({ type }) => type === recordTypes.opt);
  const optBytes = opt === undefined ? Buffer.alloc(0) : message.subarray(opt.start, opt.end);
  const kept = [];
  let end = layout.questionEnd;
  for (const record of layout.records) {
    if (record === opt) continue;
    // Nothing is kept behind what OPT stands before: offsets within the message must stay.
    if (record.end + optBytes.length > limit || (opt !== undefined && record.start > opt.start)) break;
    kept.push(record);
    end = record.end;
  }
  const cut = Buffer.concat([message.subarray(0, end), optBytes]);
  cut.writeUInt16BE(cut.readUInt16BE(2) | flagBits.truncated, 2);
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    const extra = section === 'additional' && opt !== undefined ? 1 : 0;
    cut.writeUInt16BE(kept.filter((record) => record.section === section).length + extra, 6 + 2 * index);
  }
  return cut;
}

/**
 * How long a message may be kept, in seconds; null: not at all. The shortest lifetime of its answers; where there is none of the kind
 * that was asked for, the shorter of its SOA's lifetime and minimum (RFC 2308, section 5).
 */
export function lifetimeOf(message: Buffer, { records }: Layout, questionType: number): number | null {
  const rcode = rcodeOf(message);
  const isKnown = rcode === rcodes.noError || rcode === rcodes.nameError;
  if (!isKnown || (message.readUInt16BE(2) & flagBits.truncated) !== 0) return null;
  const answers = records.filter(({ section }) => section === 'answer');
  const lifetimes = answers.map(({ body }) => lifetimeAt(message, body));
  const isPositive = rcode === rcodes.noError && answers.some(({ type }) => type === questionType);
  if (!isPositive) {
    const soa = records.find(({ section, type }) => section === 'authority' && type === recordTypes.soa);
    if (soa === undefined || soa.end - soa.body < 14) return null;
    lifetimes.push(lifetimeAt(message, soa.body), message.readUInt32BE(soa.end - 4));
  }
  return lifetimes.reduce((least, one) => Math.min(least, one), Number.MAX_SAFE_INTEGER);
}

/** The message with all lifetimes shorter by some seconds. */
export function aged(message: Buffer, { records }: Layout, seconds: number): Buffer {
  const copy = Buffer.from(message);
  for (const { type, body } of records) {
    if (type !== recordTypes.opt) copy.writeUInt32BE(Math.max(0, lifetimeAt(copy, body) - seconds), body + 4);
  }
  return copy;
}

/** A lifetime with its first bit set counts as none (RFC 2181, section 8). */
function lifetimeAt(message: Buffer, body: number): number {
  const seconds = message.readUInt32BE(body + 4);
  return seconds > 0x7fffffff ? 0 : seconds;
}
