/**
 * From a head to octets, always in canonical form. In: a head, and how its body is framed. Out: one buffer. What filters or
 * HTTP/2 put into a head is checked octet by octet here, the last place where it could split a message: a value that would is
 * the program's fault, so an assertion.
 */
import assert from 'node:assert/strict';
import { STATUS_CODES } from '#shared/runtime/node-http.ts';
import { AddedLines } from './added-lines.ts';
import type { ByteWriter } from './byte-writer.ts';
import { isHostOctet, isTargetOctet, isTokenOctet, isValueOctet } from './characters.ts';
import type { HeaderMap } from './header-map.ts';
import type { RequestHead, ResponseHead } from './message.ts';

/**
 * How a written body is framed: `none` without any, `length` by the head's `contentLength`, `chunked`, `untilClose`; `asDeclared`
 * has no body but says what the headers say of one (responses to HEAD, 304).
 */
export type WrittenFraming = 'none' | 'length' | 'chunked' | 'untilClose' | 'asDeclared';

/** What is said of the connection; `default`: nothing. */
export type ConnectionOption = 'default' | 'close' | 'keep-alive' | 'upgrade';

const connectionLines: Readonly<Record<ConnectionOption, string>> = {
  default: '',
  close: 'connection: close\r\n',
  'keep-alive': 'connection: keep-alive\r\n',
  upgrade: 'connection: upgrade\r\n',
};

const addedToRequests = new AddedLines();
const addedToResponses = new AddedLines();

/** Longest of everything that is written besides what the head holds. */
const ownBytes = 256;

/** Status lines by status, made once. */
const statusLines = new Map<number, string>(
  Object.entries(STATUS_CODES).map(([status, reason]) => [Number(status), `HTTP/1.1 ${status} ${reason}\r\n`]),
);

/** The octets of a request head. Its `content-length` field is brought in line with the framing. */
export function encodeRequestHead(writer: ByteWriter, head: RequestHead, framing: WrittenFraming): Buffer {
  const headers = head.headers;
  alignLength(headers, framing === 'length' ? head.contentLength : framing === 'none' ? ownLength(head) : -1);
  const isUpgrade = head.upgrade !== null;
  writer.begin(
    headers.maxEncodedBytes +
      head.method.length +
      head.path.length +
      head.authority.length +
      (head.upgrade?.length ?? 0) +
      ownBytes,
  );
  if (!writer.text(head.method, isTokenOctet)) refuse('method', head.method);
  writer.literal(' ');
  if (head.path === '' || !writer.text(head.path, isTargetOctet)) refuse('request target', head.path);
  writer.literal(' HTTP/1.1\r\nhost: ');
  if (!writer.text(head.authority, isHostOctet)) refuse('authority', head.authority);
  writer.octets(0x0d, 0x0a);
  headers.encode(writer, addedToRequests);
  if (framing === 'chunked') writer.literal('transfer-encoding: chunked\r\n');
  if (head.expectsContinue && framing !== 'none') writer.literal('expect: 100-continue\r\n');
  if (isUpgrade) writer.literal('connection: upgrade\r\n');
  if (head.upgrade !== null) encodeUpgrade(writer, head.upgrade);
  writer.octets(0x0d, 0x0a);
  return writer.finish();
}

/** The octets of a response head. Its `content-length` field is brought in line with the framing. */
export function encodeResponseHead(
  writer: ByteWriter,
  head: ResponseHead,
  framing: WrittenFraming,
  connection: ConnectionOption,
): Buffer {
  const headers = head.headers;
  if (framing !== 'asDeclared') alignLength(headers, framing === 'length' ? head.contentLength : -1);
  writer.begin(headers.maxEncodedBytes + head.reason.length + (head.upgrade?.length ?? 0) + ownBytes);
  encodeStatusLine(writer, head);
  headers.encode(writer, addedToResponses);
  if (framing === 'chunked') writer.literal('transfer-encoding: chunked\r\n');
  writer.literal(connectionLines[connection]);
  if (connection === 'upgrade' && head.upgrade !== null) encodeUpgrade(writer, head.upgrade);
  writer.octets(0x0d, 0x0a);
  return writer.finish();
}

function encodeStatusLine(writer: ByteWriter, head: ResponseHead): void {
  assert(Number.isInteger(head.status) && head.status >= 100 && head.status <= 999, 'not a status');
  const usual = statusLines.get(head.status);
  if (usual !== undefined && (head.reason === '' || isUsualReason(usual, head.reason))) {
    writer.literal(usual);
    return;
  }
  writer.literal('HTTP/1.1 ');
  writer.literal(String(head.status));
  writer.literal(' ');
  if (!writer.text(head.reason, isValueOctet)) refuse('reason phrase', head.reason);
  writer.octets(0x0d, 0x0a);
}

function isUsualReason(statusLine: string, reason: string): boolean {
  return statusLine.length === reason.length + 15 && statusLine.startsWith(reason, 13);
}

function encodeUpgrade(writer: ByteWriter, upgrade: string): void {
  writer.literal('upgrade: ');
  if (!writer.text(upgrade, isValueOctet)) refuse('protocol', upgrade);
  writer.octets(0x0d, 0x0a);
}

/** Not an `assert` with a message: that would be made for every head. */
function refuse(what: string, text: string): never {
  assert.fail(`not a ${what}: ${JSON.stringify(text)}`);
}

/** Methods that give a body no meaning: no body is then said nothing of. */
const bodylessMethods = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** What a request without a body says of its length: 0 where the method allows for one (RFC 9110 8.6), else nothing. */
function ownLength({ method, headers }: RequestHead): number {
  return bodylessMethods.has(method) && !headers.has('content-length') ? -1 : 0;
}

/** Makes `content-length` say `length`; -1: it says nothing. */
function alignLength(headers: HeaderMap, length: number): void {
  if (length < 0) {
    headers.remove('content-length');
    return;
  }
  const text = String(length);
  if (!headers.says('content-length', text)) headers.set('content-length', text);
}
