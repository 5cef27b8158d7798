import type { TimerWheel } from './timer-wheel.ts';

/** Limits and times of HTTP/1.1 connections. A time of 0 is none. */
export type Http1Options = Readonly<{
  /** Largest head, and trailer section. */
  maxHeadBytes: number;
  /** Most field lines of a head. */
  maxFields: number;
  /** Takes folded lines, bare LF and repeated Host as Istio's Envoy does; what goes on is canonical nevertheless. */
  lenient: boolean;
  /** How long a connection may be without a request. */
  idleTimeoutMs: number;
  /** How long a head may take from its first byte to its last. */
  headTimeoutMs: number;
  /** How long a closing connection waits for the client to close too, once it took the last answer. */
  delayedCloseMs: number;
  /** How much of a request's body is read and dropped after its answer is complete, to keep the connection. */
  maxDiscardBytes: number;
}>;

/** Envoy's limits and times. */
export const defaultHttp1Options: Http1Options = {
  maxHeadBytes: 60 * 1024,
  maxFields: 100,
  lenient: false,
  idleTimeoutMs: 3_600_000,
  headTimeoutMs: 60_000,
  delayedCloseMs: 1000,
  maxDiscardBytes: 64 * 1024,
};

/** What a connection is made with besides its handler. */
export type Http1Setup = Readonly<{ options: Http1Options; wheel: TimerWheel }>;
