/** The vocabulary of the table: what is sent, what the upstream answers, what configuration that needs. */
import { STATUS_CODES } from 'node:http';

/** A part of an Envoy configuration, as it stands in JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** Which HTTP is spoken on both sides of the proxy. */
export type Protocols = Readonly<{ downstream: 'http1' | 'http2'; upstream: 'http1' | 'http2' }>;

/** Which listener of the configuration a request goes to. */
export const listenerNames = ['plain', 'edge', 'http10', 'mtls', 'tcp', 'tcpRefused', 'tcpEmpty'] as const;
export type ListenerName = (typeof listenerNames)[number];

/** What the upstream does with one request that arrives. */
export type Answer =
  | Readonly<{
      kind: 'raw';
      bytes: string | Buffer;
      /** Waits for the whole request, its head alone, or until all other requests of the case are answered. */
      after?: 'request' | 'head' | 'release';
      delayMs?: number;
      ending?: 'close' | 'reset';
    }>
  | Readonly<{ kind: 'silence' | 'close' | 'reset' }>
  /** Sends these bytes, and from then on everything back that comes. */
  | Readonly<{ kind: 'echo'; bytes: string }>;

/** Bytes that one client connection sends, and how many responses it waits for. */
export type Send = Readonly<{
  bytes: string | Buffer;
  /** Over HTTP/2: the fields of the head as they are, with `bytes` as the body. */
  fields?: readonly (readonly [name: string, value: string])[];
  /** Default 1; 0: the connection is only closed. */
  responses?: number;
  /** Sent after the first head with a status of 1xx. */
  afterInterim?: string;
  /** For an upgraded connection: reads until this text has come, then ends. */
  untilText?: string;
  /** The next connection begins as soon as the upstream has this request, before it is answered. */
  isHeld?: boolean;
  /** Waits before it connects: for what the row before it set going. */
  pauseMs?: number;
  /** The client hangs up as soon as the upstream has the request. */
  hangsUp?: boolean;
  /** Certificate of the client, by name (mtls). */
  certificate?: 'client' | 'other' | 'none';
}>;

/** One row of the table. */
export type Case = Readonly<{
  name: string;
  listener?: ListenerName;
  send: string | Buffer | readonly Send[];
  /** For the first, second, ... request that arrives; the last one stands for all that follow. Default: 200 with a body. */
  upstream?: readonly Answer[];
  /** Access log lines to wait for. Default: one a response. */
  logLines?: number;
}>;

/** Rows that belong together, with the configuration that they need. */
export type Feature = Readonly<{
  name: string;
  /** Virtual hosts of the listeners `plain` and `http10`. */
  virtualHosts?: readonly Json[];
  clusters?: (ports: Ports) => readonly Json[];
  cases: readonly Case[];
}>;

/** Ports of the upstream: three that answer (one of them over TLS), and one where nothing listens. */
export type Ports = Readonly<{ a: number; b: number; tls: number; refused: number }>;

/** The text of a request: `GET /path` with the host of the feature and more header lines. */
export function request(start: string, host: string, lines: readonly string[] = [], body = ''): string {
  const head = [`${start} HTTP/1.1`, ...(host === '' ? [] : [`Host: ${host}`]), ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** A response with a body of text and its length. */
export function response(status: number, lines: readonly string[] = [], body = ''): Answer {
  return { kind: 'raw', bytes: responseText(status, lines, body) };
}

/** The text of a response. */
export function responseText(status: number, lines: readonly string[] = [], body = ''): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...lines,
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

/** Raw bytes as an answer. */
export function raw(...lines: readonly string[]): Answer {
  return { kind: 'raw', bytes: lines.join('\r\n') };
}
