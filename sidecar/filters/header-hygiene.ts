/**
 * What the HTTP manager does to heads around routing, as Envoy's connection manager does: control headers that a client has no
 * business sending are taken out, and those that everything behind relies on are put in. A sidecar (`useRemoteAddress` off)
 * leaves `x-forwarded-for` as it is. Compiled once a manager; heads are changed in place.
 */
import type { RequestHead, ResponseHead } from '../http1/message.ts';
import type { LocalReply } from '../proxy/filter.ts';
import { withoutPortNumber } from '../routing/domains.ts';
import { normalizePath } from '../routing/path.ts';
import type { HttpManager } from '../snapshot/listener.ts';
import type { TlsFacts } from '../transport/transport.ts';
import { appendForwardedFor, forwardedClient } from './forwarded-for.ts';
import { newRequestId } from './request-id.ts';
import { ForwardedClientCert } from './xfcc.ts';

/** What of the HTTP manager hygiene depends on. */
export type HygieneOptions = Pick<
  HttpManager,
  | 'serverName'
  | 'serverHeader'
  | 'useRemoteAddress'
  | 'skipXffAppend'
  | 'xffTrustedHops'
  | 'generateRequestId'
  | 'preserveExternalRequestId'
  | 'forwardClientCert'
  | 'clientCertDetails'
  | 'normalizePath'
  | 'mergeSlashes'
  | 'escapedSlashes'
  | 'stripPort'
  | 'schemeOverwrite'
>;

/** The connection a request came by. */
export type HygieneConnection = Readonly<{ remoteAddress: string; localPort: number; tls: TlsFacts | null }>;

/** Headers that only a trusted caller may set; the mesh never trusts an application that far. */
const controlHeaders = [
  'x-envoy-internal',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
];

/** Taken out as well where clients from outside connect (`useRemoteAddress`). */
const edgeHeaders = [
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-path',
  'x-envoy-original-host',
];

/** Cleans and completes the heads of one HTTP manager. */
export class HeaderHygiene {
  readonly #options: HygieneOptions;
  readonly #clientCert: ForwardedClientCert;
  readonly #newRequestId: () => string;

  constructor(options: HygieneOptions, makeId: () => string = newRequestId) {
    this.#options = options;
    this.#clientCert = new ForwardedClientCert(options);
    this.#newRequestId = makeId;
  }

  /** Prepares a request for routing; a reply is what to answer instead. */
  prepareRequest(head: RequestHead, connection: HygieneConnection): LocalReply | null {
    this.#clean(head);
    this.#forwarded(head, connection);
    this.#clientCert.apply(head, connection.tls);
    this.#requestId(head);
    this.#stripPort(head, connection.localPort);
    // `OPTIONS *` has no route, whatever the routes say.
    if (!head.path.startsWith('/') && head.method !== 'CONNECT') return pathReply(404, [], 'absolute_path_rejected');
    const normalized = normalizePath(head.path, this.#options);
    if (normalized.kind === 'reject') return pathReply(400, []);
    head.path = normalized.path;
    return normalized.kind === 'redirect' ? pathReply(307, [['location', normalized.path]]) : null;
  }

  #clean({ headers }: RequestHead): void {
    // Nearly no request has any: one look for all of them, not twenty.
    if (headers.hasPrefix('x-envoy-')) {
      for (const name of controlHeaders) headers.remove(name);
      if (this.#options.useRemoteAddress) for (const name of edgeHeaders) headers.remove(name);
    }
    const te = headers.get('te');
    if (te === undefined || te === 'trailers') return;
    if (te.toLowerCase().includes('trailers')) headers.set('te', 'trailers');
    else headers.remove('te');
  }

  #forwarded(head: RequestHead, { remoteAddress, tls }: HygieneConnection): void {
    const { useRemoteAddress, skipXffAppend, xffTrustedHops, schemeOverwrite } = this.#options;
    const headers = head.headers;
    const ofConnection = tls === null ? 'http' : 'https';
    if (useRemoteAddress) {
      const client = xffTrustedHops === 0 ? remoteAddress : forwardedClient(head, xffTrustedHops - 1);
      if (client !== null) headers.set('x-envoy-external-address', client);
      if (!skipXffAppend) appendForwardedFor(head, remoteAddress);
    }
    const isEdge = useRemoteAddress && xffTrustedHops === 0;
    if (isEdge || !headers.has('x-forwarded-proto')) headers.set('x-forwarded-proto', ofConnection);
    if (schemeOverwrite !== null) head.scheme = schemeOverwrite;
    else if (head.version !== 'HTTP/2' && !head.isAbsoluteForm) {
      // HTTP/1 names no scheme: the one that the first proxy saw counts, in matches and redirects too.
      const forwarded = headers.get('x-forwarded-proto');
      head.scheme = forwarded === 'http' || forwarded === 'https' ? forwarded : ofConnection;
    }
  }

  #requestId({ headers }: RequestHead): void {
    const { generateRequestId, preserveExternalRequestId, useRemoteAddress } = this.#options;
    if (!generateRequestId) return;
    const isForeign = useRemoteAddress && !preserveExternalRequestId;
    if (isForeign || !headers.has('x-request-id')) headers.set('x-request-id', this.#newRequestId());
  }

  #stripPort(head: RequestHead, localPort: number): void {
    const mode = this.#options.stripPort;
    if (mode === 'none' || head.method === 'CONNECT') return;
    if (mode === 'any' || head.authority.endsWith(`:${localPort}`)) head.authority = withoutPortNumber(head.authority);
  }

  /** Completes a response before it is sent. `serviceTimeMs`: how long the upstream took; -1 for replies of our own. */
  finishResponse({ headers }: ResponseHead, serviceTimeMs: number): void {
    const { serverHeader, serverName } = this.#options;
    if (serviceTimeMs >= 0) headers.set('x-envoy-upstream-service-time', String(Math.round(serviceTimeMs)));
    if (serverHeader === 'overwrite' || (serverHeader === 'append_if_absent' && !headers.has('server'))) {
      headers.set('server', serverName);
    }
  }
}

function pathReply(status: number, headers: LocalReply['headers'], details = 'path_normalization_failed'): LocalReply {
  return { status, body: '', headers, flag: '', details, grpcStatus: null };
}

/** What the router tells the upstream of one attempt. */
export type AttemptFacts = Readonly<{
  /** Counted from 1; null: not told (`includeAttemptCount` off). */
  attempt: number | null;
  /** How long the upstream has; 0: no limit. */
  expectedTimeoutMs: number;
}>;

/** Puts the facts of an attempt into its head. */
export function describeAttempt({ headers }: RequestHead, { attempt, expectedTimeoutMs }: AttemptFacts): void {
  if (attempt !== null) headers.set('x-envoy-attempt-count', String(attempt));
  if (expectedTimeoutMs > 0) headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(expectedTimeoutMs)));
}

/** The head of a mirrored copy: it says that it comes from a proxy, and from which. */
export function mirrorHead(head: RequestHead, ownAddress: string, appendShadowSuffix: boolean): RequestHead {
  const copy: RequestHead = { ...head, headers: head.headers.clone() };
  copy.headers.set('x-envoy-internal', 'true');
  appendForwardedFor(copy, ownAddress);
  if (appendShadowSuffix) {
    const host = withoutPortNumber(copy.authority);
    copy.authority = `${host}-shadow${copy.authority.slice(host.length)}`;
  }
  return copy;
}
