import type { RequestHead } from '../http1/message.ts';
import type { HashPolicy } from '../snapshot/route.ts';
import { queryParameter } from './path.ts';
import type { Random } from '#shared/runtime/random.ts';

/** What consistent balancing hashes, and the cookie that the client gets so that it comes back to the same endpoint. */
export type HashKey = Readonly<{
  /** Null: no policy applied, the balancer draws at random. */
  key: string | null;
  /** Value of a `Set-Cookie` header to add to the response, or null. */
  setCookie: string | null;
}>;

/** What of a request hash policies look at. */
export type HashSource = Readonly<{
  /** Null for TCP. */
  head: RequestHead | null;
  remoteAddress: string;
  random: Random;
}>;

const noKey: HashKey = { key: null, setCookie: null };

/** The hash key of a request: the values of all policies that apply, up to the first terminal one that does. */
export function hashKeyOf(policies: readonly HashPolicy[], source: HashSource): HashKey {
  if (policies.length === 0) return noKey;
  let key: string | null = null;
  let setCookie: string | null = null;
  for (const policy of policies) {
    let value = hashValue(policy, source);
    if (value === null && policy.kind === 'cookie' && policy.ttlMs !== null && source.head !== null) {
      value = generateCookieValue(source.random);
      setCookie = formatSetCookie(policy, value, policy.ttlMs);
    }
    if (value === null) continue;
    // A newline occurs in no value, so that different lists of values stay different.
    key = key === null ? value : `${key}\n${value}`;
    if (policy.terminal) break;
  }
  return { key, setCookie };
}

function hashValue(policy: HashPolicy, { head, remoteAddress }: HashSource): string | null {
  switch (policy.kind) {
    case 'sourceIp':
      return remoteAddress;
    case 'header':
      return head === null ? null : headerValue(head, policy.name.toLowerCase());
    case 'query':
      return head === null ? null : queryParameter(head.path, policy.name);
    case 'cookie':
      return head === null ? null : cookieValue(head, policy.name);
  }
}

function headerValue(head: RequestHead, name: string): string | null {
  if (name === ':authority' || name === 'host') return head.authority;
  if (name === ':path') return head.path;
  if (name === ':method') return head.method;
  return head.headers.getJoined(name) ?? null;
}

/** The value of a cookie of the request, without quotes; empty counts as missing, as in Envoy. */
export function cookieValue(head: RequestHead, name: string): string | null {
  let found: string | null = null;
  head.headers.forEach((header, value) => {
    if (header === 'cookie' && found === null) found = cookieIn(value, name);
  });
  return found;
}

function cookieIn(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    const bare = value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    return bare === '' ? null : bare;
  }
  return null;
}

function generateCookieValue(random: Random): string {
  const part = () =>
    Math.floor(random() * 4_294_967_296)
      .toString(16)
      .padStart(8, '0');
  return part() + part();
}

/** As Envoy writes it: quoted, `HttpOnly`, without `Max-Age` for a session cookie. */
function formatSetCookie(policy: Extract<HashPolicy, { kind: 'cookie' }>, value: string, ttlMs: number): string {
  const attributes = [
    `${policy.name}="${value}"`,
    ...(ttlMs > 0 ? [`Max-Age=${Math.floor(ttlMs / 1000)}`] : []),
    ...(policy.path === '' ? [] : [`Path=${policy.path}`]),
    ...policy.attributes,
    'HttpOnly',
  ];
  return attributes.join('; ');
}
