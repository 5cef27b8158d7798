/** A query and the names of the mesh -> an answer, or that somebody else is to be asked. Pure but for the shuffling. */
import { type Answer, AUTHORITATIVE_ANSWER, encode, RECURSION_AVAILABLE } from 'dns-packet';
import type { Random } from '#shared/runtime/random.ts';
import { headLength, layoutOf, recordTypes, truncate } from './message.ts';
import type { FoundName, Names } from './names.ts';
import { failure, internetClass, maxAnswerBytes, type Query } from './query.ts';

/** What becomes of a query. */
export type Decision =
  | Readonly<{ kind: 'answer'; message: Buffer }>
  /** `isKnown`: the name is one of the mesh's, asked for something that only others may have. */
  | Readonly<{ kind: 'forward'; isKnown: boolean }>;

/** Clients may keep an answer for so long: a change of the mesh is to be seen soon. */
const lifetimeSeconds = 30;

/**
 * Decides about a query. A name of the mesh without an address of the family that was asked for has no data (NOERROR), rather than
 * being unknown: a client that asks for both families at once would believe that of the other too.
 */
export function decide(query: Query, names: Names, transport: 'udp' | 'tcp', random: Random): Decision {
  const found = query.class === internetClass && query.name !== null ? names.find(query.name) : null;
  if (found === null) return { kind: 'forward', isKnown: false };
  if (query.type !== recordTypes.a && query.type !== recordTypes.aaaa) return { kind: 'forward', isKnown: true };
  const addresses = query.type === recordTypes.a ? found.addresses.v4 : found.addresses.v6;
  const message = build(query, found, shuffle(addresses, random));
  const layout = layoutOf(message);
  return {
    kind: 'answer',
    message: layout === null ? message : truncate(message, layout, maxAnswerBytes(query, transport)),
  };
}

function build(query: Query, { alias }: FoundName, addresses: readonly string[]): Buffer {
  const empty = failure(query, 0);
  const flags = empty.readUInt16BE(2) | AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE;
  empty.writeUInt16BE(flags, 2);
  if (addresses.length === 0) return empty;
  const asked = query.name ?? '';
  const type = query.type === recordTypes.a ? 'A' : 'AAAA';
  const ttl = lifetimeSeconds;
  const records: Answer[] = [
    ...(alias === null ? [] : [{ type: 'CNAME', name: asked, ttl, data: alias } as const]),
    ...addresses.map((data) => ({ type, name: alias ?? asked, ttl, data }) as const),
  ];
  const whole = encode({ type: 'response', id: query.id, questions: [{ type, name: asked }], answers: records });
  return join(empty, query.questionEnd, compress(whole, query.questionEnd));
}

/** The head and question as they came in, then the records, then what else there was (OPT). */
function join(empty: Buffer, questionEnd: number, records: Readonly<{ count: number; bytes: Buffer }>): Buffer {
  const message = Buffer.concat([empty.subarray(0, questionEnd), records.bytes, empty.subarray(questionEnd)]);
  message.writeUInt16BE(records.count, 6);
  return message;
}

/** The records of a message with pointers in place of names that were there before: a UDP message takes three times as many so. */
function compress(message: Buffer, questionEnd: number): Readonly<{ count: number; bytes: Buffer }> {
  const records = layoutOf(message)?.records ?? [];
  const known = new Map([[message.toString('latin1', headLength, questionEnd - 4), headLength]]);
  const parts: Buffer[] = [];
  let at = questionEnd;
  for (const { start, body, end, type } of records) {
    const name = message.subarray(start, body);
    const before = known.get(name.toString('latin1'));
    const written = before === undefined ? name : pointerTo(before);
    // The target of an alias is the name of what follows.
    if (type === recordTypes.cname) known.set(message.toString('latin1', body + 10, end), at + written.length + 10);
    parts.push(written, message.subarray(body, end));
    at += written.length + end - body;
  }
  return { count: records.length, bytes: Buffer.concat(parts) };
}

function pointerTo(offset: number): Buffer {
  const pointer = Buffer.alloc(2);
  pointer.writeUInt16BE(0xc000 | offset);
  return pointer;
}

/** Another order each time: clients take the first, and all addresses are to be used. */
function shuffle(addresses: readonly string[], random: Random): readonly string[] {
  const all = [...addresses];
  for (let left = all.length; left > 1; left--) {
    const chosen = Math.floor(random() * left);
    all.push(...all.splice(chosen, 1));
  }
  return all;
}
