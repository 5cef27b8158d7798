/**
 * The server that the API server's webhooks call: HTTPS, `POST /inject` and `POST /validate` with an AdmissionReview, `GET /readyz`.
 * It reads and bounds what comes in and knows nothing of what is decided: handlers are functions from review to review. What is no
 * review gets a 400 that says why; a handler that fails or takes too long gets a 500, and the webhook's failurePolicy decides.
 *
 *   API server -> TLS (certificate of our own authority, followed) -> body <= 3 MB -> parse -> handler -> answer
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  encodeAdmissionReview,
  parseAdmissionReview,
  type AdmissionReview,
} from '#shared/kubernetes/admission-review.ts';
import { describeError, MeshError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import type { Secret } from '#shared/runtime/secret.ts';
import type { Watch } from '#shared/runtime/watch.ts';

/** Answers a review by the same review with a response. */
export type AdmissionHandler = (review: AdmissionReview) => AdmissionReview | Promise<AdmissionReview>;

export type WebhookServerOptions = Readonly<{
  listen: HostPort;
  /** Followed: new connections get the new certificate, open ones live on. Null: no connection can be made. */
  credentials: Watch<Readonly<{ chainPem: string; key: Secret }> | null>;
  /** By path. */
  handlers: Readonly<Record<string, AdmissionHandler>>;
  /** What is still awaited before reviews can be answered; nothing when ready. */
  awaited: () => readonly string[];
  /** Told of every answer to a review. */
  onAnswer: (answer: WebhookAnswer) => void;
  /** Told of faults of ours. */
  onFault: (message: string) => void;
  /** How long a handler may take (default 8 s: less than the 10 s of a webhook). */
  timeoutMs?: number;
}>;

export type WebhookAnswer = Readonly<{ path: string; outcome: WebhookOutcome; seconds: number }>;
export type WebhookOutcome = 'allowed' | 'denied' | 'malformed' | 'failed';

export type WebhookServer = Readonly<{ host: string; port: number; close: () => Promise<void> }>;

const maxBodyBytes = 3 * 1024 * 1024;
const defaultTimeoutMs = 8000;
/** Longer than the API server keeps idle connections (90 s), so that it is never us who closes one that it just uses. */
const keepAliveMs = 120_000;
const limits = { requestTimeout: 15_000, headersTimeout: 10_000, keepAliveTimeout: keepAliveMs };

/** Listens. Throws `io` when it cannot. */
export async function startWebhookServer(options: WebhookServerOptions): Promise<WebhookServer> {
  const underWay = new Set<ServerResponse>();
  const server = createServer({ minVersion: 'TLSv1.2', ...limits }, (request, response) => {
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
    void serve(options, request, response);
  });
  const follow = () => {
    const current = options.credentials.current();
    if (current !== null) server.setSecureContext({ cert: current.chainPem, key: current.key.reveal() });
  };
  follow();
  const unfollow = options.credentials.subscribe(follow);
  await listen(server, options.listen);
  const { port } = server.address() as AddressInfo;
  return {
    host: options.listen.host,
    port,
    close: () => {
      unfollow();
      return stop(server, underWay);
    },
  };
}

async function serve(options: WebhookServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'https://localhost');
  if (pathname === '/readyz') return ready(options, response);
  const handler = Object.hasOwn(options.handlers, pathname) ? options.handlers[pathname] : undefined;
  if (handler === undefined) return send(response, 404, `there is nothing at ${pathname}\n`);
  if (request.method !== 'POST') return send(response, 405, 'reviews are sent by POST\n');
  const startedMs = performance.now();
  const { outcome, status, body } = await review(options, handler, request);
  const type = status === 200 ? 'application/json' : 'text/plain';
  send(response, status, body, type);
  options.onAnswer({ path: pathname, outcome, seconds: (performance.now() - startedMs) / 1000 });
}

type Reviewed = Readonly<{ outcome: WebhookOutcome; status: number; body: string }>;

const malformed = (message: string, status = 400): Reviewed => ({ outcome: 'malformed', status, body: `${message}\n` });

async function review(
  options: WebhookServerOptions,
  handler: AdmissionHandler,
  request: IncomingMessage,
): Promise<Reviewed> {
  try {
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      return malformed('reviews are application/json', 415);
    const text = await readBody(request);
    if (text === null) return malformed(`the body is over ${maxBodyBytes} bytes`, 413);
    const parsed = parseAdmissionReview(parseJson(text));
    if (!parsed.ok) return malformed(`the review is refused: ${formatProblems(parsed.problems)}`);
    const answered = await within(options.timeoutMs ?? defaultTimeoutMs, handler(parsed.value));
    const outcome = answered.response?.allowed === true ? 'allowed' : 'denied';
    return { outcome, status: 200, body: encodeAdmissionReview(answered) };
  } catch (error) {
    options.onFault(`a review failed: ${describeError(error)}`);
    return { outcome: 'failed', status: 500, body: `${describeError(error)}\n` };
  }
}

/** What is no JSON is no review either: the parser says so. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Null when it is too long; it is read to its end all the same, for who still writes would not read the answer. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? null : Buffer.concat(chunks).toString('utf8');
}

async function within<T>(timeoutMs: number, work: T | Promise<T>): Promise<T> {
  if (!(work instanceof Promise)) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new MeshError('timeout', `no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function ready({ awaited }: WebhookServerOptions, response: ServerResponse): void {
  const names = awaited();
  send(response, names.length === 0 ? 200 : 503, names.length === 0 ? 'ok\n' : `waiting for ${names.join(', ')}\n`);
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function listen(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new MeshError('io', `the webhooks cannot listen on ${host}:${port}`, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

/** Answers what is under way, then ends. */
function stop(server: Server, underWay: ReadonlySet<ServerResponse>): Promise<void> {
  for (const response of underWay) response.shouldKeepAlive = false;
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
