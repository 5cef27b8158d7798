/** The reference reader of requests in HTTP/1.1 (RFC 9112 3, 6, 9.3). */
import { endToEnd, type Field, type Message } from './message.ts';
import {
  framingOf,
  invalid,
  isLast,
  isToken,
  OctetReader,
  Stop,
  type End,
  type Tolerates,
  headFields,
} from './octet-reader.ts';

/** What stands in the octets of one connection. */
export type Reading = Readonly<{
  messages: readonly Message[];
  end: End;
  /** Which of them are not what a sender should write, by their place: a recipient may refuse them, or read them as is shown. */
  tolerated: ReadonlyMap<number, string>;
  /** What could be read of the message behind those, if it is not whole or not valid. */
  begun: Message | null;
  /** Octets behind the last message. */
  rest: string;
}>;

const requestLine = /^([^ ]+) ([^ ]+) HTTP\/1\.([01])$/;
const target = /^[\x21\x22\x24-\x7e]+$/;
const authority = /^(?:(?:\[[0-9A-Za-z:.%~_-]+\]|[-._~!$&'()*+,;=%0-9A-Za-z]+)(?::\d{0,5})?)?$/;

/** Reads everything that stands in these octets (latin1). `isTolerant`: also what RFC 9112 lets a recipient take. */
export function readRequests(octets: string, isTolerant = false): Reading {
  const messages: Message[] = [];
  const tolerated = new Map<number, string>();
  const reader = new OctetReader(octets);
  const tolerates: Tolerates = (why) => {
    if (isTolerant) tolerated.set(messages.length, why);
    return isTolerant;
  };
  let start = 0;
  let begun: Message | null = null;
  try {
    for (;;) {
      start = reader.at;
      if (start === octets.length) return { messages, tolerated, end: 'clean', begun: null, rest: '' };
      begun = null;
      const head = readHead(reader, tolerates);
      begun = head.message;
      const framing = framingOf(head.fields, head.isOld, tolerates) ?? 0;
      const content =
        framing === 'chunked'
          ? reader.chunked((body) => (begun = { ...head.message, body }))
          : { body: reader.take(framing), trailers: [] };
      messages.push({ ...head.message, ...content });
      if (isLast(head.fields, head.isOld))
        return { messages, tolerated, end: 'closed', begun: null, rest: reader.rest };
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { messages, tolerated, end: error.end, begun, rest: octets.slice(start) };
  }
}

type Head = Readonly<{ message: Message; fields: readonly Field[]; isOld: boolean }>;

function readHead(reader: OctetReader, tolerates: Tolerates): Head {
  while (reader.rest.startsWith('\r\n') && tolerates('empty line first')) reader.take(2);
  const [, method = '', asked = '', minor] = requestLine.exec(reader.line(tolerates)) ?? [];
  if (!isToken(method)) throw invalid('request line');
  const said = asked.includes('#') && tolerates('fragment') ? asked.slice(0, asked.indexOf('#')) : asked;
  if (!target.test(said)) throw invalid('target');
  const isOld = minor === '0';
  const fields = headFields(reader, tolerates);
  if (fields.some(([name, value]) => name === 'expect' && !/^100-continue$/i.test(value))) tolerates('expectation');
  if (fields.some(([name, value]) => name === 'upgrade' && value.toLowerCase() !== 'h2c')) tolerates('upgrade');
  const hosts = fields.filter(([name]) => name === 'host');
  if (hosts.length > 1 || (hosts.length === 0 && !isOld)) throw invalid(`${hosts.length} hosts`);
  const host = hosts[0]?.[1] ?? '';
  if (!authority.test(host)) throw invalid('host');
  // Also where the target names another authority.
  if (Number(/:(\d+)$/.exec(host)?.[1] ?? 0) > 0xffff) tolerates('port of the host');
  const message = { ...partsOf(method, said, host), fields: endToEnd(fields), body: '', trailers: [] };
  return { message, fields, isOld };
}

/** Method, path and authority by the form of the target (RFC 9112 3.2). */
function partsOf(method: string, said: string, host: string): Pick<Message, 'method' | 'path' | 'authority'> {
  if (method === 'CONNECT') return { method, path: said, authority: said };
  if (said.startsWith('/') || (said === '*' && method === 'OPTIONS')) return { method, path: said, authority: host };
  const [, named = '', rest = ''] = /^https?:\/\/([^/?]+)(.*)$/i.exec(said) ?? [];
  if (named === '' || !authority.test(named)) throw invalid('target');
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return { method, path: rest === '' && method === 'OPTIONS' ? '*' : path, authority: named };
}
