import type { Socket } from 'node:net';
import { DirectConnection } from './direct-handle.ts';
import { StreamConnection } from './node-stream.ts';
import type { ConnectionOptions } from './socket-connection.ts';
import { handleOf } from './stream-handle.ts';
import type { Connection, TlsFacts } from './transport.ts';

/** `direct`: on the socket's handle; `streams`: on Node's documented streams. */
export type TransportKind = 'direct' | 'streams';

let kind: TransportKind = 'streams';

/** Which transport new connections of this worker get. Before anything connects: direct-probe.ts says whether `direct` works. */
export function useTransport(chosen: TransportKind): void {
  kind = chosen;
}

/** Takes over a connected socket (that has shaken hands, if it is TLS). It must not have a `data` listener. */
export function connectionOf(socket: Socket, tls: TlsFacts | null, options: ConnectionOptions = {}): Connection {
  const handle = kind === 'direct' ? handleOf(socket) : null;
  // Without a handle it is closed already, and tells so as a stream.
  return handle === null
    ? new StreamConnection(socket, tls, options)
    : new DirectConnection(socket, handle, tls, options);
}
