import { outgoingHeaders, type CallContext } from '../../service/call-context.ts';
import { ProblemError } from '../../service/problem.ts';

/** An answer of another service that says something of the request: any 2xx, and the 4xx that it decided itself. */
export type Answer = Readonly<{
  status: number;
  code: string;
  body: Record<string, unknown>;
  version?: string | undefined;
}>;

/** A call to another service. `key` makes it safe to repeat. */
export type Call = Readonly<{
  method: 'GET' | 'POST';
  path: string;
  key?: string;
  body?: unknown;
  context: CallContext;
}>;

/** Answers with these statuses are decisions of the service. Others (also 403 and 429) come from what stands before it. */
const decisions = new Set([200, 201, 400, 402, 404, 409, 412, 422]);

/**
 * Calls one service by plain HTTP, so that a proxy named by the environment carries the call. It does not retry: that is
 * the mesh's to do, and the key makes it harmless. Throws `deadline` or `upstream_unavailable` when the outcome is unknown.
 */
export class ServiceClient {
  readonly #name: string;
  readonly #baseUrl: string;
  readonly #timeoutMs: number;
  readonly #stopping: AbortSignal;

  /** `stopping`: when the process gives up the calls that are under way. */
  constructor(parts: Readonly<{ name: string; baseUrl: string; timeoutMs: number; stopping: AbortSignal }>) {
    this.#name = parts.name;
    this.#baseUrl = parts.baseUrl.replace(/\/$/, '');
    this.#timeoutMs = parts.timeoutMs;
    this.#stopping = parts.stopping;
  }

  /** The answer, when the service gave one. */
  async send(call: Call): Promise<Answer> {
    const { method, path, key, body, context } = call;
    const headers: Record<string, string> = { ...outgoingHeaders(context), accept: 'application/json' };
    if (key !== undefined) headers['idempotency-key'] = key;
    if (body !== undefined) headers['content-type'] = 'application/json';
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(this.#timeoutMs), this.#stopping]);
      const init =
        body === undefined ? { method, headers, signal } : { method, headers, signal, body: JSON.stringify(body) };
      const response = await fetch(`${this.#baseUrl}${path}`, init);
      return await this.#read(response);
    } catch (error) {
      throw this.#toProblem(error);
    }
  }

  async #read(response: Response): Promise<Answer> {
    const { status } = response;
    const text = await response.text();
    const parsed: unknown = text === '' ? {} : parseJson(text);
    const isOurs = typeof parsed === 'object' && parsed !== null;
    if (!decisions.has(status) || !isOurs) {
      throw new ProblemError('upstream_unavailable', `${this.#name} answered ${status}`, {
        extra: { upstream: this.#name, upstreamStatus: status },
        headers: { 'retry-after': '1' },
      });
    }
    const body = { ...parsed } as Record<string, unknown>;
    const version = response.headers.get('x-version') ?? undefined;
    return { status, code: String(body['code'] ?? ''), body, version };
  }

  #toProblem(error: unknown): ProblemError {
    if (error instanceof ProblemError) return error;
    const extra = { upstream: this.#name };
    if (error instanceof Error && error.name === 'TimeoutError') {
      return new ProblemError('deadline', `${this.#name} did not answer in ${this.#timeoutMs} ms`, {
        extra,
        cause: error,
      });
    }
    const headers = { 'retry-after': '1' };
    return new ProblemError('upstream_unavailable', `${this.#name} cannot be reached`, {
      extra,
      headers,
      cause: error,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
