/**
 * The status port of a sidecar in a pod, with the paths of Istio's agent:
 *
 *   /healthz/ready          whether this sidecar is ready                       anybody
 *   /stats/prometheus       own metrics and the application's (also /metrics)   anybody
 *   /app-health/...         probes of the application, in the kubelet's name    anybody
 *   /app-lifecycle/...      its hooks                                           anybody
 *   POST /drain             inbound drains, and the process goes on             this pod
 *   POST /quitquitquit      the process ends                                    this pod
 *
 * And the port of the own metrics alone. Both on the main thread: nothing of it is on the way of a request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HostPort } from '#shared/runtime/host-port.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { createServer } from '#shared/runtime/node-http.ts';
import { listenHttp, type RunningServer } from '../net/http-server.ts';
import type { ListeningSockets } from '../net/listening-sockets.ts';
import { ownSource } from '../probing/own-source.ts';
import type { PodApp } from '../settings/pod-app.ts';
import { mergeMetrics, plainText, scrapeApp } from './app-metrics.ts';
import { askApp } from './app-probe.ts';

/** What the status port shows and does. */
export type StatusView = Readonly<{
  isReady: () => boolean;
  awaited: () => readonly string[];
  /** Own metrics in Prometheus' text format. */
  prometheus: () => string | Promise<string>;
  drain: () => void;
  quit: () => void;
  log: (level: 'info' | 'warn', facts: object, message: string) => void;
}>;

/** The application beside it; `host`: the address of the pod. */
export type StatusApp = Readonly<{ app: PodApp | null; host: string }>;

type Answer = Readonly<{ status: number; body: string | Buffer; contentType?: string; after?: () => void }>;

const text = (status: number, body: string): Answer => ({ status, body });

/** Serves the status port. */
export function startStatus(
  view: StatusView,
  app: StatusApp,
  address: HostPort,
  sockets: ListeningSockets,
): Promise<RunningServer> {
  const port = new StatusPort(view, app);
  const server = createServer((request, response) => void send(request, response, () => port.answer(request)));
  return listenHttp(server, { name: 'the status port', ...address }, sockets);
}

/** Serves the own metrics alone. */
export function startMetrics(
  { prometheus }: Pick<StatusView, 'prometheus'>,
  address: HostPort,
  sockets: ListeningSockets,
): Promise<RunningServer> {
  const answer = async (request: IncomingMessage): Promise<Answer> =>
    pathOf(request) === '/stats/prometheus'
      ? { status: 200, body: await prometheus(), contentType: plainText }
      : text(404, 'known: /stats/prometheus\n');
  const server = createServer((request, response) => void send(request, response, () => answer(request)));
  return listenHttp(server, { name: 'the port of metrics', ...address }, sockets);
}

class StatusPort {
  readonly #view: StatusView;
  readonly #app: StatusApp;
  /** What was wrong with each probe last, so that a change is told and not each failure. */
  readonly #problems = new Map<string, string>();
  #failedScrapes = 0;

  constructor(view: StatusView, app: StatusApp) {
    this.#view = view;
    this.#app = app;
  }

  answer(request: IncomingMessage): Answer | Promise<Answer> {
    const path = pathOf(request);
    switch (path) {
      case '/healthz/ready': {
        const { isReady, awaited } = this.#view;
        return isReady() ? text(200, '') : text(503, `waits for ${awaited().join(', ')}\n`);
      }
      case '/stats/prometheus':
      case '/metrics':
        return this.#metrics(request);
      case '/drain':
        return this.#change(request, this.#view.drain);
      case '/quitquitquit':
        return this.#change(request, this.#view.quit);
    }
    if (/^\/app-(?:health|lifecycle)\//.test(path)) return this.#probe(path, request);
    return text(404, `there is nothing at ${path}\n`);
  }

  async #metrics({ headers }: IncomingMessage): Promise<Answer> {
    const { view, app, host } = { view: this.#view, ...this.#app };
    const scrape = app?.scrape ?? null;
    if (scrape === null) return { status: 200, body: await view.prometheus(), contentType: plainText };
    const [own, found] = await Promise.all([view.prometheus(), scrapeApp(scrape, host, headers)]);
    if (found.kind === 'none') this.#failedScrapes++;
    this.#tell('metrics', found.kind === 'none' ? found.problem : null, { ...scrape });
    const merged = mergeMetrics(own + this.#ownFamily(), found);
    return { status: 200, body: merged.text, contentType: merged.contentType };
  }

  #ownFamily(): string {
    const name = 'tulle_app_scrape_failures_total';
    const help = "Times that the application's metrics could not be had.";
    return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${this.#failedScrapes}\n`;
  }

  async #probe(path: string, request: IncomingMessage): Promise<Answer> {
    const { app, host } = this.#app;
    const prober = app?.probers.get(path);
    // As Istio's agent: the kubelet takes it for a failure.
    if (prober === undefined) return text(400, `app prober config does not exists for ${path}\n`);
    const statusPort = request.socket.localPort ?? 0;
    const { status, body, problem } = await askApp({ prober, host, statusPort, headers: request.headers });
    this.#tell(path, problem, { port: prober.port });
    return { status, body };
  }

  #change({ method, socket }: IncomingMessage, act: () => void): Answer {
    if (!isOfThisPod(socket.remoteAddress ?? '')) return text(403, 'Only requests from localhost are allowed\n');
    if (method !== 'POST') return text(405, 'Method Not Allowed\n');
    return { ...text(200, 'OK'), after: act };
  }

  #tell(what: string, problem: string | null, facts: object): void {
    const before = this.#problems.get(what) ?? null;
    if (problem === before) return;
    if (problem === null) {
      this.#problems.delete(what);
      return this.#view.log('info', { what, ...facts }, 'the application answers again');
    }
    this.#problems.set(what, problem);
    this.#view.log('warn', { what, reason: problem, ...facts }, 'the application does not answer as it should');
  }
}

/** A connection that came through our own inbound listener is from our own source, whoever is behind it. */
function isOfThisPod(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  const isLoopback = plain === '::1' || plain.startsWith('127.');
  return isLoopback && plain !== ownSource('127.0.0.1') && plain !== ownSource('::1');
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  ask: () => Answer | Promise<Answer>,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await ask();
  } catch (error) {
    answer = text(500, `${describeError(error)}\n`);
  }
  const { status, body, contentType = 'text/plain; charset=utf-8', after } = answer;
  // What ends the process comes behind the answer.
  if (after !== undefined) response.once('close', after);
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? '' : body);
  request.resume();
}
