import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { MeshError } from '#shared/runtime/mesh-error.ts';
import { request } from '#shared/runtime/node-http.ts';

/** A GET on a connection of its own. */
export type HttpQuestion = Readonly<{
  host: string;
  port: number;
  /** With its query. */
  path: string;
  headers: OutgoingHttpHeaders;
  /** TLS whose certificate is not looked at, as the kubelet does. */
  isTls?: boolean;
  localAddress?: string | undefined;
  /** For all of the answer. */
  timeoutMs: number;
  /** What is longer is cut. */
  maxBytes: number;
}>;

/** What came. `isCut`: there was more. */
export type HttpAnswer = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer; isCut: boolean }>;

/** Asks once; throws when there is no whole answer in time. */
export function askHttp(question: HttpQuestion): Promise<HttpAnswer> {
  const { timeoutMs, maxBytes } = question;
  return new Promise((resolve, reject) => {
    const call = start(question);
    const late = new MeshError('timeout', `no answer in ${timeoutMs} ms`);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      call.destroy(late);
    }, timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    call.on('error', fail);
    call.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const done = (isCut: boolean) => {
        clearTimeout(timer);
        const body = Buffer.concat(chunks).subarray(0, maxBytes);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, isCut });
        call.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > maxBytes) done(true);
      });
      response.on('end', () => done(false));
      response.on('error', (error) => fail(isLate ? late : error));
    });
    call.end();
  });
}

function start({ host, port, path, headers, isTls = false, localAddress }: HttpQuestion): ClientRequest {
  const options = { host, port, path, headers, agent: false, ...(localAddress === undefined ? {} : { localAddress }) };
  if (!isTls) return request(options);
  // An address is no name to ask for.
  const tls = { rejectUnauthorized: false, servername: '' };
  return process.getBuiltinModule('node:https').request({ ...options, ...tls });
}
