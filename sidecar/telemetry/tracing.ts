import type { Random } from '#shared/runtime/random.ts';
import type { B3, TraceContext } from '#shared/telemetry/trace-context.ts';
import {
  formatB3,
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseB3,
  parseTraceparent,
} from '#shared/telemetry/trace-context.ts';
import type { RequestHead } from '../http1/message.ts';

/** Percentages of requests: by `x-client-trace-id`, at random, and the bound over both. */
export type Sampling = Readonly<{ randomSampling: number; overallSampling: number; clientSampling: number }>;

/** Our span of one request. */
export type RequestSpan = Readonly<{
  context: TraceContext;
  /** Empty for the first span of a trace. */
  parentSpanId: string;
}>;

/**
 * Starts our span: it goes on with the trace that the request brings (W3C before B3) and keeps its decision, or begins a new one.
 * The head then carries our span as the parent, in W3C and, if the caller spoke it, in B3 as well; `tracestate` passes untouched.
 */
export function startSpan(head: RequestHead, sampling: Sampling, random: Random): RequestSpan {
  const w3c = head.headers.get('traceparent');
  const b3 = readB3(head);
  const parent = (w3c === undefined ? null : parseTraceparent(w3c)) ?? b3?.context ?? null;
  const sampled = decide({ head, parent, b3, sampling, random });
  const context = { traceId: parent?.traceId ?? newTraceId(random), spanId: newSpanId(random), sampled };
  const span = { context, parentSpanId: parent?.spanId ?? '' };
  // A new trace does not inherit the state of one that could not be read (W3C Trace Context, 3.4).
  if (parent === null) head.headers.remove('tracestate');
  writeSpan(head, span, b3 !== null);
  return span;
}

/** Puts the span into the head. Attempts of one request share it. */
function writeSpan(head: RequestHead, { context, parentSpanId }: RequestSpan, speaksB3: boolean): void {
  const headers = head.headers;
  headers.set('traceparent', formatTraceparent(context));
  if (!speaksB3) return;
  if (headers.has('b3')) headers.set('b3', formatB3(context, parentSpanId));
  if (!headers.has('x-b3-traceid') && !headers.has('x-b3-sampled')) return;
  headers.set('x-b3-traceid', context.traceId);
  headers.set('x-b3-spanid', context.spanId);
  if (parentSpanId !== '') headers.set('x-b3-parentspanid', parentSpanId);
  headers.set('x-b3-sampled', context.sampled ? '1' : '0');
}

function readB3({ headers }: RequestHead): B3 | null {
  if (!headers.has('b3') && !headers.has('x-b3-traceid') && !headers.has('x-b3-sampled')) return null;
  return parseB3({
    b3: headers.get('b3'),
    traceId: headers.get('x-b3-traceid'),
    spanId: headers.get('x-b3-spanid'),
    sampled: headers.get('x-b3-sampled'),
    flags: headers.get('x-b3-flags'),
  });
}

type Decision = Readonly<{
  head: RequestHead;
  parent: TraceContext | null;
  b3: B3 | null;
  sampling: Sampling;
  random: Random;
}>;

function decide({ head, parent, b3, sampling, random }: Decision): boolean {
  // A parent from traceparent carries its decision; B3 may leave it to us.
  if (parent !== null && (b3 === null || parent !== b3.context)) return parent.sampled;
  if (b3 !== null && b3.sampled !== null) return b3.sampled;
  const wanted =
    head.headers.has('x-envoy-force-trace') ||
    (head.headers.has('x-client-trace-id') && percent(sampling.clientSampling, random)) ||
    percent(sampling.randomSampling, random);
  return wanted && percent(sampling.overallSampling, random);
}

function percent(value: number, random: Random): boolean {
  return value >= 100 || (value > 0 && random() * 100 < value);
}
