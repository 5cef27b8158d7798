/** The reference reader of responses in HTTP/1.1 (RFC 9112 4, 6.3). */
import { endToEnd, type Field } from './message.ts';
import {
  framingOf,
  invalid,
  isLast,
  isValue,
  OctetReader,
  Stop,
  type End,
  type Tolerates,
  headFields,
} from './octet-reader.ts';

export type Response = Readonly<{ status: number; fields: readonly Field[]; body: string; trailers: readonly Field[] }>;

/** Responses that are whole; 1xx are left out. */
export type ResponseReading = Readonly<{
  responses: readonly Response[];
  end: End;
  begun: Response | null;
  rest: string;
}>;

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;

/**
 * Reads what a server sent for requests of these methods, up to its end. `isClosed`: the connection ended in good order, which ends a
 * body of unknown length. `isTolerant`: also what RFC 9112 lets a recipient take of a head.
 */
export function readResponses(
  octets: string,
  methods: readonly string[],
  isClosed: boolean,
  isTolerant = false,
): ResponseReading {
  const responses: Response[] = [];
  const reader = new OctetReader(octets);
  const tolerates = () => isTolerant;
  let start = 0;
  let begun: Response | null = null;
  try {
    for (;;) {
      start = reader.at;
      begun = null;
      if (start === octets.length) return { responses, end: 'clean', begun, rest: '' };
      const head = readHead(reader, tolerates);
      // A sender says no length where there is no content (RFC 9110 8.6, RFC 9112 6.1).
      const says = head.fields.some(([name]) => name === 'content-length' || name === 'transfer-encoding');
      if (says && /^(?:1\d\d|204)$/.test(String(head.response.status)) && !isTolerant)
        throw invalid('length of nothing');
      if (head.response.status === 101) throw invalid('switch of protocols');
      if (head.response.status < 200) continue;
      begun = head.response;
      const method = methods[responses.length] ?? 'GET';
      const { isEnd, ...content } = readContent(reader, head, {
        method,
        isClosed,
        tolerates,
        onPart: (part) => (begun = part),
      });
      responses.push({ ...head.response, ...content });
      if (isEnd || isLast(head.fields, head.isOld)) return { responses, end: 'closed', begun: null, rest: reader.rest };
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { responses, end: error.end, begun, rest: octets.slice(start) };
  }
}

type Head = Readonly<{ response: Response; fields: readonly Field[]; isOld: boolean }>;
type Content = Readonly<{ body: string; trailers: readonly Field[]; isEnd: boolean }>;
type Circumstances = Readonly<{
  method: string;
  isClosed: boolean;
  tolerates: Tolerates;
  onPart: (part: Response) => void;
}>;

function readHead(reader: OctetReader, tolerates: Tolerates): Head {
  const [, minor, status, reason = ''] = statusLine.exec(reader.line(tolerates)) ?? [];
  if (status === undefined || !isValue(reason)) throw invalid('status line');
  const fields = headFields(reader, tolerates);
  return {
    response: { status: Number(status), fields: endToEnd(fields), body: '', trailers: [] },
    fields,
    isOld: minor === '0',
  };
}

function readContent(reader: OctetReader, head: Head, { method, isClosed, tolerates, onPart }: Circumstances): Content {
  const { status } = head.response;
  const nothing = { body: '', trailers: [], isEnd: false };
  if (status === 204) return nothing;
  const framing = framingOf(head.fields, head.isOld, tolerates);
  if (method === 'HEAD' || status === 304) return nothing;
  if (framing === 'chunked') return { ...reader.chunked((body) => onPart({ ...head.response, body })), isEnd: false };
  if (framing !== null) {
    onPart({ ...head.response, body: reader.rest.slice(0, framing) });
    return { ...nothing, body: reader.take(framing) };
  }
  onPart({ ...head.response, body: reader.rest });
  if (!isClosed) throw new Stop('incomplete');
  return { ...nothing, body: reader.take(reader.rest.length), isEnd: true };
}
