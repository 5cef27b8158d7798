/** Heads of HTTP/2 messages to and from those of `message.ts` (RFC 9113 8.3, 8.5; RFC 8441). */
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { FieldSection } from '../http2/field-section.ts';
import type { Session } from '../http2/session.ts';
import { encodeGathered, gatheredLength, gatherFields, lengthToSay, toHeaderMap } from './http2-fields.ts';
import { acceptOf, randomKey } from './websocket-key.ts';

/** Whether a response of this status has content (RFC 9110 6.4.1). */
export function mayHaveBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/**
 * The head of a request. An extended CONNECT is a GET that asks for an upgrade, as HTTP/1.1 has it; a WebSocket's gets the key
 * that HTTP/1.1 needs. `scheme` is that of the connection, for CONNECT.
 */
export function toRequestHead(section: FieldSection, end: boolean, scheme: string): RequestHead {
  const isUpgrade = section.protocol !== '';
  const isConnect = section.method === 'CONNECT' && !isUpgrade;
  const hasNoBody = end || section.method === 'CONNECT';
  const headers = toHeaderMap(section);
  if (isUpgrade && section.protocol === 'websocket' && !headers.has('sec-websocket-key')) {
    headers.set('sec-websocket-key', randomKey());
  }
  if (section.method === 'CONNECT') headers.remove('content-length');
  return {
    method: isUpgrade ? 'GET' : section.method,
    path: isConnect ? section.authority : withoutFragment(section.path),
    authority: section.authority,
    scheme: isConnect ? scheme : section.scheme,
    version: 'HTTP/2',
    headers,
    upgrade: isUpgrade ? section.protocol : null,
    contentLength: hasNoBody ? 0 : section.contentLength,
    expectsContinue: section.expectsContinue && !hasNoBody,
    isAbsoluteForm: false,
  };
}

/** The head of a response. `isToHead`: to a HEAD request. */
export function toResponseHead(section: FieldSection, end: boolean, isToHead: boolean): ResponseHead {
  const { status } = section;
  const headers = toHeaderMap(section);
  const isDeclaredOnly = isToHead || status === 304;
  const mayDeclare = isDeclaredOnly || mayHaveBody(status);
  if (!mayDeclare) headers.remove('content-length');
  return {
    status,
    reason: '',
    version: 'HTTP/2',
    headers,
    contentLength: !mayDeclare || (end && !isDeclaredOnly) ? 0 : section.contentLength,
    upgrade: null,
  };
}

/** Encodes a request's head, for `session.sendHead`. An upgrade is an extended CONNECT. The block is begun once all is known to be right. */
export function encodeRequest(session: Session, head: RequestHead, end: boolean): void {
  gatherFields(head.headers, 'request');
  const length = lengthToSay(head.contentLength, end);
  const isUpgrade = head.upgrade !== null;
  const encoder = session.beginHead();
  encoder.field(':method', isUpgrade ? 'CONNECT' : head.method);
  if (head.method !== 'CONNECT') encoder.field(':scheme', head.scheme);
  encoder.field(':authority', head.authority);
  if (head.method !== 'CONNECT') encoder.field(':path', head.path, head.headers.sensitive?.has(':path') === true);
  if (head.upgrade !== null) encoder.field(':protocol', head.upgrade.toLowerCase());
  encodeGathered(encoder, isUpgrade || head.method === 'CONNECT' ? '' : length);
  if (head.expectsContinue && !end) encoder.field('expect', '100-continue');
}

/** Encodes a response's head with this status, for `session.sendHead`. `length`: digits, nothing, or `asDeclared` by the fields (to HEAD, 304). */
export function encodeResponse(session: Session, head: ResponseHead, status: number, length: string): void {
  gatherFields(head.headers, 'response');
  const said = length === 'asDeclared' ? declaredLength(head) : length;
  const encoder = session.beginHead();
  encoder.field(':status', statusTexts[status] ?? String(status));
  encodeGathered(encoder, said);
}

/** What the fields say; of an answer of our own, what its body would have been. */
function declaredLength({ contentLength }: ResponseHead): string {
  const declared = gatheredLength();
  return declared === '' && contentLength > 0 ? String(contentLength) : declared;
}

/** What an HTTP/1.1 client needs of a response that opened a WebSocket over HTTP/2. */
export function completeUpgrade(head: ResponseHead, upgrade: string, key: string | null): void {
  head.status = 101;
  head.upgrade = upgrade;
  head.headers.remove('content-length');
  head.contentLength = 0;
  if (key === null || head.headers.has('sec-websocket-accept')) return;
  head.headers.set('sec-websocket-accept', acceptOf(key));
}

const statusTexts: readonly string[] = Array.from({ length: 600 }, (_, status) => String(status));

function withoutFragment(path: string): string {
  const at = path.indexOf('#');
  return at < 0 ? path : path.slice(0, at);
}
