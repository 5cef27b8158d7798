/**
 * The admin port (loopback): what Envoy's answers, in Envoy's forms, so that existing tools read it.
 *
 *   /ready /stats /stats/prometheus /clusters /config_dump /certs /logging /drain_listeners /quitquitquit /server_info; and /upgrade
 *
 * It holds no state: it answers from what is handed in as {@link AdminView}.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError } from '#shared/runtime/mesh-error.ts';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { createServer } from '#shared/runtime/node-http.ts';
import { listenHttp, type RunningServer } from '../net/http-server.ts';
import type { ListeningSockets } from '../net/listening-sockets.ts';

/** What is known at once, or has to be asked for. */
type Awaitable<T> = T | Promise<T>;

/** What the admin port shows and does. */
export type AdminView = Readonly<{
  isReady: () => boolean;
  awaited: () => readonly string[];
  /** `name: value` pairs, in order. */
  stats: () => Awaitable<readonly (readonly [string, number])[]>;
  prometheus: () => Awaitable<string>;
  clusters: () => Awaitable<readonly string[]>;
  /** May be a promise. */
  clustersJson: () => unknown;
  configDump: () => unknown;
  certificates: () => unknown;
  serverInfo: () => unknown;
  /** Sets the level of the own log; null for an unknown level. */
  setLogLevel: (level: string) => string | null;
  logLevel: () => string;
  drain: () => void;
  quit: () => void;
  /** Lets a successor take over. `refused`: nothing was tried. */
  upgrade: () => Promise<
    | Readonly<{ kind: 'serving'; pid: number }>
    | Readonly<{ kind: 'refused'; reason: string }>
    | Readonly<{ kind: 'failed'; reason: string }>
  >;
}>;

type Answer = Readonly<{ status: number; body: string; contentType: string; isLast?: boolean }>;
type Handler = Readonly<{
  method: 'GET' | 'POST';
  answer: (view: AdminView, query: URLSearchParams) => Awaitable<Answer>;
}>;

const text = (body: string, status = 200): Answer => ({ status, body, contentType: 'text/plain; charset=UTF-8' });
const json = (body: unknown): Answer => ({
  status: 200,
  body: `${JSON.stringify(body, null, 1)}\n`,
  contentType: 'application/json',
});
const get = (answer: Handler['answer']): Handler => ({ method: 'GET', answer });
const post = (answer: Handler['answer']): Handler => ({ method: 'POST', answer });

function ready(view: AdminView): Answer {
  return view.isReady() ? text('LIVE\n') : text(`PRE_INITIALIZING: waits for ${view.awaited().join(', ')}\n`, 503);
}

async function stats(view: AdminView, query: URLSearchParams): Promise<Answer> {
  if (query.get('format') === 'prometheus') return text(await view.prometheus());
  const filter = query.get('filter');
  const isShown = filter === null ? () => true : compileFilter(filter);
  const shown = (await view.stats()).filter(([name]) => isShown(name));
  if (query.get('format') === 'json') return json({ stats: shown.map(([name, value]) => ({ name, value })) });
  return text(shown.map(([name, value]) => `${name}: ${value}\n`).join(''));
}

/** A regular expression as in Envoy; one that is none is taken as plain text. */
function compileFilter(filter: string): (name: string) => boolean {
  try {
    const pattern = new RegExp(filter);
    return (name) => pattern.test(name);
  } catch {
    return (name) => name.includes(filter);
  }
}

async function clusters(view: AdminView, query: URLSearchParams): Promise<Answer> {
  if (query.get('format') === 'json') return json(await view.clustersJson());
  const lines = await view.clusters();
  return text(lines.map((line) => `${line}\n`).join(''));
}

function logging(view: AdminView, query: URLSearchParams): Answer {
  const level = query.get('level');
  if (level === null) return text(`active loggers:\n  tulle: ${view.logLevel()}\n`);
  const set = view.setLogLevel(level);
  return set === null
    ? text(`there is no level ${level}: use trace, debug, info, warn, error\n`, 400)
    : text(`tulle: ${set}\n`);
}

async function upgrade(view: AdminView): Promise<Answer> {
  const outcome = await view.upgrade();
  switch (outcome.kind) {
    case 'serving':
      // The next request is for the successor.
      return { ...json({ pid: outcome.pid }), isLast: true };
    case 'refused':
      return text(`${outcome.reason}\n`, 409);
    case 'failed':
      return text(`${outcome.reason}\n`, 503);
  }
}

const handlers: Readonly<Record<string, Handler>> = {
  '/ready': get(ready),
  '/stats': get(stats),
  '/stats/prometheus': get(async (view) => text(await view.prometheus())),
  '/clusters': get(clusters),
  '/config_dump': get((view) => json(view.configDump())),
  '/certs': get((view) => json(view.certificates())),
  '/server_info': get((view) => json(view.serverInfo())),
  '/logging': post(logging),
  '/drain_listeners': post((view) => {
    view.drain();
    return text('OK\n');
  }),
  '/upgrade': post(upgrade),
  '/quitquitquit': post((view) => {
    view.quit();
    return text('OK\n');
  }),
};

function answer(view: AdminView, request: IncomingMessage): Awaitable<Answer> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const handler = handlers[url.pathname];
  if (handler === undefined)
    return text(`there is nothing at ${url.pathname}; known:\n${Object.keys(handlers).join('\n')}\n`, 404);
  if (handler.method === 'POST' && request.method !== 'POST')
    return text(`${url.pathname} changes something: use POST\n`, 405);
  return handler.answer(view, url.searchParams);
}

async function serve(view: AdminView, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let result: Answer;
  try {
    result = await answer(view, request);
  } catch (error) {
    result = text(`${describeError(error)}\n`, 500);
  }
  if (result.isLast === true) response.shouldKeepAlive = false;
  response.writeHead(result.status, { 'content-type': result.contentType, 'cache-control': 'no-cache, max-age=0' });
  response.end(request.method === 'HEAD' ? '' : result.body);
  request.resume();
}

/** Serves the admin port. */
export function startAdmin(view: AdminView, address: HostPort, sockets: ListeningSockets): Promise<RunningServer> {
  const server = createServer((request, response) => void serve(view, request, response));
  return listenHttp(server, { name: 'the admin port', ...address }, sockets);
}

/** Serves readiness alone (`/healthz/ready`), for probes from outside. */
export function startReadiness(
  view: Pick<AdminView, 'isReady' | 'awaited'>,
  address: HostPort,
  sockets: ListeningSockets,
): Promise<RunningServer> {
  const server = createServer((request, response) => {
    const isKnown = request.url?.split('?')[0] === '/healthz/ready';
    response.writeHead(isKnown ? (view.isReady() ? 200 : 503) : 404, { 'content-type': 'text/plain' });
    response.end(isKnown && !view.isReady() ? `waits for ${view.awaited().join(', ')}\n` : '');
  });
  return listenHttp(server, { name: 'readiness', ...address }, sockets);
}
