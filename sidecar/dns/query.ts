/** Octets from an application -> a query, or what is said to those that are none. Pure. */
import { decode, encode } from 'dns-packet';
import { flagBits, headLength, type Layout, layoutOf, rcodes, recordTypes } from './message.ts';

/** What a query says of EDNS (RFC 6891). */
export type Edns = Readonly<{
  /** The largest UDP message that the client takes. */
  maxBytes: number;
  version: number;
  wantsDnssec: boolean;
  hasOptions: boolean;
}>;

/** One question. */
export type Query = Readonly<{
  id: number;
  flags: number;
  /** Lower case, without a trailing dot; null for a name that is no text (it may hold any octets). */
  name: string | null;
  type: number;
  class: number;
  /** The whole message, and where its question ends. */
  message: Buffer;
  questionEnd: number;
  edns: Edns | null;
}>;

/** `drop`: what could be part of an attack, or a loop, is not answered. */
export type ParsedQuery =
  | Readonly<{ kind: 'query'; query: Query }>
  | Readonly<{ kind: 'refuse'; answer: Buffer }>
  | Readonly<{ kind: 'drop' }>;

/** Class IN. */
export const internetClass = 1;

/** Our own size of UDP messages, as told in answers: what passes any network unfragmented. */
const ownMaxBytes = 1232;

/** Reads a message of an application. */
export function parseQuery(message: Buffer): ParsedQuery {
  if (message.length < headLength) return { kind: 'drop' };
  const flags = message.readUInt16BE(2);
  // A response: two servers must never begin to answer each other.
  if ((flags & flagBits.response) !== 0) return { kind: 'drop' };
  if ((flags & flagBits.opcode) !== 0) return { kind: 'refuse', answer: bareAnswer(message, rcodes.notImplemented) };
  // More than one question, or none (RFC 9619), and what has no end.
  const layout = layoutOf(message);
  if (layout === null) return { kind: 'refuse', answer: bareAnswer(message, rcodes.formatError) };
  const { questionEnd } = layout;
  // There is nothing before it that a question could point to.
  if (hasPointer(message.subarray(headLength, questionEnd - 4)))
    return { kind: 'refuse', answer: bareAnswer(message, rcodes.formatError) };
  const query: Query = {
    id: message.readUInt16BE(0),
    flags,
    name: nameOf(message.subarray(headLength, questionEnd - 4)),
    type: message.readUInt16BE(questionEnd - 4),
    class: message.readUInt16BE(questionEnd - 2),
    message,
    questionEnd,
    edns: ednsOf(message, layout),
  };
  if ((query.edns?.version ?? 0) !== 0) return { kind: 'refuse', answer: failure(query, rcodes.noError, 1) };
  return { kind: 'query', query };
}

/** The most octets that an answer may have. */
export function maxAnswerBytes({ edns }: Query, transport: 'udp' | 'tcp'): number {
  return transport === 'tcp' ? 65_535 : Math.min(Math.max(edns?.maxBytes ?? 512, 512), 65_507);
}

/** An answer without records. `extendedRcode`: the upper octet of a code that OPT carries (1: BADVERS is 16). */
export function failure(query: Query, rcode: number, extendedRcode = 0): Buffer {
  const head = Buffer.from(query.message.subarray(0, query.questionEnd));
  const kept = query.flags & (flagBits.recursionDesired | flagBits.checkingDisabled);
  head.writeUInt16BE(flagBits.response | flagBits.recursionAvailable | kept | rcode, 2);
  head.writeUInt16BE(0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(query.edns === null ? 0 : 1, 10);
  if (query.edns === null) return head;
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(recordTypes.opt, 1);
  opt.writeUInt16BE(ownMaxBytes, 3);
  opt.writeUInt8(extendedRcode, 5);
  return Buffer.concat([head, opt]);
}

/** The same name, type and class as the question of a query; letters of either case are the same. */
export function isSameQuestion({ message, questionEnd }: Query, other: Buffer, otherEnd: number): boolean {
  if (questionEnd !== otherEnd) return false;
  for (let at = headLength; at < questionEnd; at++) {
    const inName = at < questionEnd - 4;
    if (fold(message[at] ?? 0, inName) !== fold(other[at] ?? 0, inName)) return false;
  }
  return true;
}

const fold = (octet: number, isText: boolean): number => (isText && octet >= 65 && octet <= 90 ? octet + 32 : octet);

function bareAnswer(message: Buffer, rcode: number): Buffer {
  const head = Buffer.alloc(headLength);
  message.copy(head, 0, 0, 4);
  const kept = head.readUInt16BE(2) & (flagBits.opcode | flagBits.recursionDesired);
  head.writeUInt16BE(flagBits.response | kept | rcode, 2);
  return head;
}

function hasPointer(name: Buffer): boolean {
  for (let at = 0; at < name.length; at += (name[at] ?? 0) + 1) if ((name[at] ?? 0) > 63) return true;
  return false;
}

/** Reads a name; only one that would be written the same way again is a text (no dots or foreign octets in its labels). */
function nameOf(octets: Buffer): string | null {
  const head = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const alone = Buffer.concat([head, octets, Buffer.from([0, 1, 0, 1])]);
  try {
    const name = decode(alone).questions?.[0]?.name ?? '';
    const again = encode({ questions: [{ type: 'A', name }] });
    const isText = again.subarray(headLength, -4).equals(octets);
    return isText ? (name === '.' ? '' : name.toLowerCase()) : null;
  } catch {
    return null;
  }
}

function ednsOf(message: Buffer, { records }: Layout): Edns | null {
  const opt = records.find(({ section, type }) => section === 'additional' && type === recordTypes.opt);
  if (opt === undefined) return null;
  return {
    maxBytes: message.readUInt16BE(opt.body + 2),
    version: message[opt.body + 5] ?? 0,
    wantsDnssec: ((message[opt.body + 6] ?? 0) & 0x80) !== 0,
    hasOptions: opt.end > opt.body + 10,
  };
}
