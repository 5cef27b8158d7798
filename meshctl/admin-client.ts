/** The client of the control plane's admin API: reads over TCP, changes over the unix socket of the data directory. */
import type { RequestOptions } from 'node:http';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { request as httpRequest } from '#shared/runtime/node-http.ts';
import { CommandError, exitCodes } from './command-error.ts';

/** Where the control plane is. */
export type AdminTarget = Readonly<{ host: string; port: number; socketPath: string | null }>;

export type AdminResponse = Readonly<{ status: number; body: unknown; text: string }>;

const timeoutMs = 10_000;

/** One request to the admin API. `viaSocket`: a change, which needs the socket. */
export class AdminClient {
  readonly #target: AdminTarget;

  constructor(target: AdminTarget) {
    this.#target = target;
  }

  /** Reads; anything but 200 is an error of the command. */
  async get<T>(path: string): Promise<T> {
    const response = await this.send('GET', path, '', this.#target.port === 0);
    if (response.status !== 200) throw failure(response);
    return response.body as T;
  }

  /** Changes; anything but 2xx is an error of the command. */
  async change<T>(method: 'PUT' | 'POST' | 'DELETE', path: string, body = ''): Promise<T> {
    const response = await this.send(method, path, body, true);
    if (response.status < 200 || response.status > 299) throw failure(response);
    return response.body as T;
  }

  /** One request, whatever the answer. */
  send(method: string, path: string, body: string, viaSocket: boolean): Promise<AdminResponse> {
    const { host, port, socketPath } = this.#target;
    if (viaSocket && socketPath === null) {
      const hint = 'give the data directory of the control plane by --data-dir (its admin.sock takes changes)';
      return Promise.reject(
        new CommandError(exitCodes.notAllowed, 'changes need the socket of the control plane', hint),
      );
    }
    const options: RequestOptions = viaSocket ? { socketPath: socketPath ?? '' } : { host, port };
    return send(
      { ...options, method, path, timeout: timeoutMs, headers: { host: 'localhost' } },
      body,
      where(this.#target, viaSocket),
    );
  }
}

const where = (target: AdminTarget, viaSocket: boolean) =>
  viaSocket ? (target.socketPath ?? '') : `${target.host}:${target.port}`;

function send(options: RequestOptions, body: string, address: string): Promise<AdminResponse> {
  return new Promise((resolve, reject) => {
    const unreachable = (error: unknown) =>
      reject(
        new CommandError(
          exitCodes.unreachable,
          `the control plane does not answer at ${address}: ${describeError(error)}`,
          'start one with `npm start`, or say where it is by --admin HOST:PORT or --data-dir DIR',
        ),
      );
    const call = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', unreachable);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: parse(text), text });
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    call.on('error', unreachable);
    call.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type ErrorBody = { title?: string; problems?: { path: string; message: string; line?: number; file?: string }[] };

function failure(response: AdminResponse): CommandError {
  const body = (
    typeof response.body === 'object' && response.body !== null ? response.body : { title: response.text }
  ) as ErrorBody;
  const lines = (body.problems ?? []).map(
    (problem) =>
      `  ${problem.line === undefined || problem.line === 0 ? '' : `line ${problem.line}: `}${problem.path}: ${problem.message}`,
  );
  const code =
    response.status === 404
      ? exitCodes.failed
      : response.status === 403 || response.status === 401
        ? exitCodes.notAllowed
        : response.status < 500
          ? exitCodes.badInput
          : exitCodes.failed;
  return new CommandError(code, [body.title ?? `status ${response.status}`, ...lines].join('\n'));
}
