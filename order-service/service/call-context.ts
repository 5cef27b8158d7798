import { randomBytes, randomUUID } from 'node:crypto';

/** Who calls, and under which request and trace: kept in event metadata and passed on with every call it leads to. */
export type CallContext = Readonly<{
  requestId: string;
  traceparent: string;
  tracestate?: string | undefined;
  actor: string;
}>;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const traceparentShape = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The context of an incoming request. A missing trace or request id is begun here. */
export function readCallContext(headers: Headers): CallContext {
  const given = first(headers['traceparent']);
  const isGood = given !== undefined && traceparentShape.test(given);
  return {
    requestId: first(headers['x-request-id'])?.slice(0, 128) ?? randomUUID(),
    traceparent: isGood ? given : newTraceparent(),
    tracestate: isGood ? first(headers['tracestate']) : undefined,
    actor: spiffeId(first(headers['x-forwarded-client-cert'])) ?? 'anonymous',
  };
}

/** The context of work that an event set off. */
export function contextOfEvent(
  meta: Readonly<{ requestId?: string | undefined; traceparent?: string | undefined }>,
  actor: string,
): CallContext {
  return { requestId: meta.requestId ?? randomUUID(), traceparent: meta.traceparent ?? newTraceparent(), actor };
}

/** The headers that carry a context to the next service. */
export function outgoingHeaders(context: CallContext): Record<string, string> {
  const { requestId, traceparent, tracestate } = context;
  return { 'x-request-id': requestId, traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
}

/** The trace id of a context. */
export function traceIdOf(context: CallContext): string {
  return context.traceparent.slice(3, 35);
}

function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

/** The caller's SPIFFE ID as its mesh puts it into the header: the URI of the last certificate named. */
function spiffeId(header: string | undefined): string | undefined {
  const last = header?.split(',').at(-1);
  return last === undefined ? undefined : /(?:^|;)URI=(spiffe:\/\/[^;,"]+)/.exec(last)?.[1];
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
