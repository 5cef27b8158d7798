/**
 * The kubelet's probes and hooks of the application, which the injector turned to the status port: asked here in its name, since the
 * kubelet itself has no certificate of the mesh. As Istio's agent does (pilot/cmd/pilot-agent/status/server.go): a GET with the headers
 * of the kubelet's, a TCP connection, or gRPC health, to the pod's address, on a connection of its own.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { describeError, isMeshError, MeshError } from '#shared/runtime/mesh-error.ts';
import { askGrpcHealth, serving } from '../probing/ask-grpc.ts';
import { askHttp } from '../probing/ask-http.ts';
import { askTcp } from '../probing/ask-tcp.ts';
import { fromOwnSource } from '../probing/own-source.ts';
import type { AppProber } from '../settings/app-probers.ts';

/** Whom and what is asked, and in whose words. */
export type AppQuestion = Readonly<{
  prober: AppProber;
  /** The pod's address. */
  host: string;
  /** Ours, in whose place the application's stands in `Host`. */
  statusPort: number;
  /** Of the kubelet's request. */
  headers: IncomingHttpHeaders;
}>;

/** What the kubelet is told. `problem`: why it is 500, for the log. */
export type AppVerdict = Readonly<{ status: number; body: Buffer | string; problem: string | null }>;

type HttpProber = Extract<AppProber, { kind: 'http' }>;

const maxBodyBytes = 10 * 1024;
const maxRedirects = 10;
const isFollowed = new Set([301, 302, 303, 307, 308]);

/** Asks the application; never throws. */
export async function askApp(question: AppQuestion): Promise<AppVerdict> {
  const { prober, host, headers } = question;
  const { port, timeoutMs } = prober;
  try {
    switch (prober.kind) {
      case 'http':
        return await askOverHttp(question, prober);
      case 'tcp':
        await fromOwnSource(host, (localAddress) => askTcp({ host, port, timeoutMs, localAddress }));
        return { status: 200, body: '', problem: null };
      case 'grpc': {
        const { service } = prober;
        const userAgent = headers['user-agent'];
        const status = await fromOwnSource(host, (localAddress) =>
          askGrpcHealth({ host, port, service, timeoutMs, userAgent, localAddress }),
        );
        if (status === serving) return { status: 200, body: '', problem: null };
        return { status: 500, body: '', problem: `gRPC health status ${status}` };
      }
    }
  } catch (error) {
    // Of all that was asked, not of the last of it.
    const isLate = isMeshError(error, 'timeout');
    return { status: 500, body: '', problem: isLate ? `no answer in ${timeoutMs} ms` : describeError(error) };
  }
}

/**
 * Redirects are followed as the kubelet does: ten, on the same host; one that leads elsewhere is a success, told as 200, since an answer
 * of its kind must say where to.
 */
async function askOverHttp(question: AppQuestion, prober: HttpProber): Promise<AppVerdict> {
  const { port, isTls } = prober;
  const first = new URL(`${isTls ? 'https' : 'http'}://${hostOf(question.host)}:${port}`);
  const end = performance.now() + prober.timeoutMs;
  let url = new URL(`${first.origin}${prober.path}`);
  let path = prober.path;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const headers = headersFor(question, prober, hops === 0 ? null : url);
    const answer = await askOnce(url, { path, headers, timeoutMs: Math.max(1, end - performance.now()) });
    if (answer.status < 300 || answer.status >= 400) return { status: answer.status, body: answer.body, problem: null };
    const { location } = answer.headers;
    const next = isFollowed.has(answer.status) && location !== undefined ? URL.parse(location, url) : null;
    if (next === null || next.hostname !== first.hostname || !/^https?:$/.test(next.protocol))
      return { status: 200, body: '', problem: null };
    url = next;
    path = `${next.pathname}${next.search}`;
  }
  throw new MeshError('protocol', `stopped after ${maxRedirects} redirects`);
}

function askOnce(
  url: URL,
  { path, headers, timeoutMs }: Readonly<{ path: string; headers: OutgoingHttpHeaders; timeoutMs: number }>,
) {
  const isTls = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (isTls ? 443 : 80));
  return fromOwnSource(host, (localAddress) =>
    askHttp({ host, port, path, headers, isTls, localAddress, timeoutMs, maxBytes: maxBodyBytes }),
  );
}

const hostOf = (host: string) => (host.includes(':') ? `[${host}]` : host);

/** Of this connection, not of what is asked. */
const ofTheConnection = new Set(['connection', 'content-length', 'host', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** The kubelet's headers, and those of the probe that it did not send; `Host` names the application's port, not ours. */
function headersFor(
  { headers, statusPort }: AppQuestion,
  prober: HttpProber,
  redirected: URL | null,
): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of prober.headers) out[name.toLowerCase()] = value;
  for (const [name, value] of Object.entries(headers)) if (!ofTheConnection.has(name)) out[name] = value;
  const asked = headers.host ?? '';
  const suffix = `:${statusPort}`;
  const declared = out['host'];
  out['host'] =
    redirected?.host ??
    (typeof declared === 'string'
      ? declared
      : asked.endsWith(suffix)
        ? `${asked.slice(0, -suffix.length)}:${prober.port}`
        : asked);
  out['connection'] = 'close';
  return out;
}
