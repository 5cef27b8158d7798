import type { HeaderMap } from './header-map.ts';

/** The head of a request, whatever HTTP version it came in. Mutable while filters work on it; owned by its exchange. */
export type RequestHead = {
  /** A token as on the wire (`GET`). */
  method: string;
  /** Origin form with query (`/a?b=c`), `*` for OPTIONS, authority form for CONNECT. */
  path: string;
  /** `Host` or `:authority`; empty if there was none (HTTP/1.0). */
  authority: string;
  /** `http` or `https`: of the absolute form, or of the connection. */
  scheme: string;
  version: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /**
   * All fields but Host, Expect and those of one connection (connection and what it names, keep-alive, transfer-encoding,
   * proxy-connection, upgrade; of te only `trailers` stays). `content-length` is among them, but `contentLength` counts.
   */
  headers: HeaderMap;
  /** The value of `Upgrade` if the request asks for one (`websocket`) and has no body, else null. */
  upgrade: string | null;
  /** Declared body length, -1 if unknown (chunked), 0 if none. */
  contentLength: number;
  /** `Expect: 100-continue` was asked for. */
  expectsContinue: boolean;
  /** The request came in absolute form (a client that uses us as its HTTP proxy). */
  isAbsoluteForm: boolean;
};

/** The head of a response. */
export type ResponseHead = {
  status: number;
  /** Reason phrase as received; the standard one is written when empty. */
  reason: string;
  version: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  headers: HeaderMap;
  /** -1 if unknown (chunked or until close), 0 if none. To HEAD and in a 304: what is declared of a body that does not come, or -1. */
  contentLength: number;
  /** The value of `Upgrade` in a 101. */
  upgrade: string | null;
};
