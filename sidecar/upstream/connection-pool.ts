import type { MeshError } from '#shared/runtime/mesh-error.ts';
import type { ClientConnection } from '../net/http-stream.ts';
import type { Breaker } from './circuit.ts';

/** Why no stream could be had. `overflow` is a breaker's limit (flag UO), `closed` that the pool is being given up. */
export type PoolFailure = 'connectFailure' | 'connectTimeout' | 'overflow' | 'closed';

/** Who waits for a stream: exactly one of its methods is called, at once or later, unless it was cancelled. */
export interface StreamWaiter {
  /** Must open its stream on the connection before it returns. */
  onReady(connection: ClientConnection): void;
  onFailure(failure: PoolFailure, error: MeshError): void;
}

/** A stream that is waited for. */
export interface PendingStream {
  /** The waiter hears no more. The connection that was begun for it is kept for others. */
  cancel(): void;
}

/** The connections to one host over one transport, whatever HTTP version they speak. */
export interface ConnectionPool {
  /** Asks for a stream under this breaker. Null: the waiter was already called. */
  newStream(waiter: StreamWaiter, breaker: Breaker): PendingStream | null;
  /** Connections, open or being opened. */
  readonly connections: number;
  readonly idle: number;
  readonly pending: number;
  /** Closes the idle connections, of which one was found dead; what follows gets new ones. */
  renew(): void;
  /** Takes no new streams beyond those that wait, and closes each connection when its streams are done. */
  drain(): void;
  /** Closes all at once; who waits hears `closed`. */
  close(): void;
}
