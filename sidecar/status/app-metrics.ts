/**
 * The application's metrics behind our own, in one answer: a Prometheus that asks the status port gets both. Whatever the application
 * does, ours are told: an answer that is late, too long, or no text of Prometheus is left out as a whole.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { describeError, isMeshError } from '#shared/runtime/mesh-error.ts';
import { askHttp, type HttpAnswer } from '../probing/ask-http.ts';
import { fromOwnSource } from '../probing/own-source.ts';
import type { AppScrape } from '../settings/pod-app.ts';

/** What the application shows, or why it shows nothing. */
export type AppMetrics =
  | Readonly<{ kind: 'text'; text: string; contentType: string }>
  | Readonly<{ kind: 'none'; problem: string }>;

/** Of an answer without metrics of the application. */
export const plainText = 'text/plain; version=0.0.4; charset=utf-8';

const maxBytes = 32 * 1024 * 1024;
const defaultTimeoutMs = 5000;
/** Of the time that Prometheus gives: what is left is for the answer with our own. */
const share = 0.8;

/** Asks the application as Prometheus would; never throws. `host`: the pod's address. */
export async function scrapeApp(scrape: AppScrape, host: string, headers: IncomingHttpHeaders): Promise<AppMetrics> {
  const timeoutMs = timeoutOf(headers) * share;
  try {
    const answer = await askBoth(scrape, { host, headers, timeoutMs });
    if (answer.status !== 200) return none(`it answered ${answer.status}`);
    if (answer.isCut) return none(`it is longer than ${maxBytes} bytes`);
    const contentType = formatOf(answer.headers['content-type']);
    if (contentType === null) return none(`${answer.headers['content-type']} is no text of Prometheus`);
    return { kind: 'text', text: answer.body.toString('utf8'), contentType };
  } catch (error) {
    return none(isMeshError(error, 'timeout') ? `no answer in ${timeoutMs} ms` : describeError(error));
  }
}

/** Our own text, and the application's last: in OpenMetrics it says where all ends. */
export function mergeMetrics(own: string, app: AppMetrics | null): Readonly<{ text: string; contentType: string }> {
  if (app?.kind !== 'text') return { text: own, contentType: plainText };
  return { text: own + app.text, contentType: app.contentType };
}

const none = (problem: string): AppMetrics => ({ kind: 'none', problem });

/** On the loopback address, as Istio's agent; where nobody listens there, at the pod's own, as Prometheus would without a sidecar. */
async function askBoth(
  { port, path }: AppScrape,
  { host, headers, timeoutMs }: Readonly<{ host: string; headers: IncomingHttpHeaders; timeoutMs: number }>,
): Promise<HttpAnswer> {
  const end = performance.now() + timeoutMs;
  const ask = (to: string, localAddress?: string) =>
    askHttp({
      host: to,
      port,
      path,
      headers: headersFor(headers, `${to}:${port}`),
      localAddress,
      timeoutMs: Math.max(1, end - performance.now()),
      maxBytes,
    });
  try {
    return await ask('localhost');
  } catch (error) {
    if (!isRefused(error)) throw error;
    return await fromOwnSource(host, (localAddress) => ask(host, localAddress));
  }
}

function isRefused(error: unknown): boolean {
  // Of a name with several addresses, all of which refused.
  if (error instanceof AggregateError) return error.errors.every(isRefused);
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

function timeoutOf(headers: IncomingHttpHeaders): number {
  const seconds = Number(headers['x-prometheus-scrape-timeout-seconds']);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : defaultTimeoutMs;
}

/** Those that Istio's agent hands on. Of the formats that are wanted only text: another cannot stand behind ours. */
function headersFor(headers: IncomingHttpHeaders, host: string): OutgoingHttpHeaders {
  const wanted = (headers.accept ?? '')
    .split(',')
    .filter((format) => /^\s*(?:text\/plain|application\/openmetrics-text|\*\/\*)/.test(format));
  const timeout = headers['x-prometheus-scrape-timeout-seconds'];
  const agent = headers['user-agent'];
  return {
    host,
    accept: wanted.length === 0 ? 'text/plain;version=0.0.4' : wanted.join(','),
    ...(agent === undefined ? {} : { 'user-agent': agent }),
    ...(timeout === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': timeout }),
  };
}

/** The content type of the whole, by the application's (`negotiateMetricsFormat` of Istio's agent); null: not one that can be merged. */
export function formatOf(contentType: string | undefined): string | null {
  const [type = '', ...parameters] = (contentType ?? 'text/plain').split(';').map((part) => part.trim().toLowerCase());
  if (type === 'text/plain') return plainText;
  if (type !== 'application/openmetrics-text') return null;
  const version = parameters.find((parameter) => parameter.startsWith('version='))?.slice('version='.length);
  if (version !== undefined && version !== '0.0.1' && version !== '1.0.0') return null;
  return `application/openmetrics-text; version=${version ?? '0.0.1'}; charset=utf-8`;
}
