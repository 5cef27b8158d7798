import type { Random } from '../runtime/random.ts';

/** Where a request stands in a trace: the span that called us. */
export type TraceContext = Readonly<{
  /** 32 lower-case hex digits, not all zero. */
  traceId: string;
  /** 16 lower-case hex digits, not all zero; empty if only the decision was passed on. */
  spanId: string;
  sampled: boolean;
}>;

const zeroTrace = '0'.repeat(32);
const zeroSpan = '0'.repeat(16);
/** `version-trace-span-flags`. */
const traceparentLength = 55;

/**
 * Reads a W3C `traceparent` strictly: what breaks the format is null, and a new trace is to be started. Without a regular
 * expression, as this happens in every traced request.
 */
export function parseTraceparent(value: string): TraceContext | null {
  const dashes = value[2] === '-' && value[35] === '-' && value[52] === '-';
  if (!dashes || !isHex(value, 0, 2) || !isHex(value, 3, 35) || !isHex(value, 36, 52) || !isHex(value, 53, 55))
    return null;
  // Version 00 has nothing after the flags; later versions may.
  const hasMore = value.length > traceparentLength;
  if (value.startsWith('ff') || (hasMore && (value.startsWith('00') || value[traceparentLength] !== '-'))) return null;
  const traceId = value.slice(3, 35);
  const spanId = value.slice(36, 52);
  if (traceId === zeroTrace || spanId === zeroSpan) return null;
  return { traceId, spanId, sampled: (Number.parseInt(value.slice(53, 55), 16) & 1) === 1 };
}

/** Whether these characters are lower-case hex digits. */
function isHex(value: string, start: number, end: number): boolean {
  if (value.length < end) return false;
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x30 || code > 0x39) && (code < 0x61 || code > 0x66)) return false;
  }
  return true;
}

/** Writes a W3C `traceparent` of version 00. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`;
}

/** The headers of B3, single and multiple; what is missing is undefined. */
export type B3Headers = Readonly<{
  b3?: string | undefined;
  traceId?: string | undefined;
  spanId?: string | undefined;
  sampled?: string | undefined;
  flags?: string | undefined;
}>;

/** What B3 headers say: a context, or only a decision (null: none), or nothing at all. */
export type B3 = Readonly<{ context: TraceContext | null; sampled: boolean | null }>;

/** Reads B3 (`b3: trace-span-1-parent`, or the `x-b3-*` headers). Trace ids of 64 bits are padded to 128. */
export function parseB3(headers: B3Headers): B3 | null {
  if (headers.b3 !== undefined) {
    const parts = headers.b3.split('-');
    return parts.length === 1 ? decisionOnly(parts[0]) : fromParts(parts[0], parts[1], decisionOf(parts[2]));
  }
  const decision = headers.flags === '1' ? true : decisionOf(headers.sampled);
  if (headers.traceId === undefined) return decision === null ? null : { context: null, sampled: decision };
  return fromParts(headers.traceId, headers.spanId, decision);
}

function decisionOnly(value: string | undefined): B3 | null {
  const sampled = decisionOf(value);
  return sampled === null ? null : { context: null, sampled };
}

function decisionOf(value: string | undefined): boolean | null {
  if (value === '1' || value === 'd' || value === 'true') return true;
  return value === '0' || value === 'false' ? false : null;
}

function fromParts(trace: string | undefined, span: string | undefined, sampled: boolean | null): B3 | null {
  if (trace === undefined || span === undefined) return null;
  const traceId = trace.toLowerCase().padStart(32, '0');
  const spanId = span.toLowerCase();
  if (!/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i.test(trace) || !/^[0-9a-f]{16}$/.test(spanId)) return null;
  if (traceId === zeroTrace || spanId === zeroSpan) return null;
  return { context: { traceId, spanId, sampled: sampled ?? false }, sampled };
}

/** Writes the single B3 header. */
export function formatB3(context: TraceContext, parentSpanId: string): string {
  const own = `${context.traceId}-${context.spanId}-${context.sampled ? '1' : '0'}`;
  return parentSpanId === '' ? own : `${own}-${parentSpanId}`;
}

/** A new trace id. */
export function newTraceId(random: Random): string {
  return newSpanId(random) + newSpanId(random);
}

/** A new span id, never zero. */
export function newSpanId(random: Random): string {
  const high = hex32(random);
  const low = hex32(random);
  return high === '00000000' && low === '00000000' ? '0000000000000001' : high + low;
}

const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex32(random: Random): string {
  const bits = Math.floor(random() * 4_294_967_296);
  return hexByte(bits >>> 24) + hexByte(bits >>> 16) + hexByte(bits >>> 8) + hexByte(bits);
}

function hexByte(bits: number): string {
  return hexBytes[bits & 255] ?? '';
}
