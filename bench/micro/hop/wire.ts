/** The two ends of a hop without sockets: connections whose peers are played (`peers.ts`), with all that lies above the handle of a socket. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { SocketConnection } from '../../../sidecar/transport/socket-connection.ts';
import type { TlsFacts } from '../../../sidecar/transport/transport.ts';

class NoSocket extends EventEmitter {
  allowHalfOpen = true;
  localAddress = '127.0.0.1';
  localPort = 15_001;
  remoteAddress = '127.0.0.1';
  remotePort = 40_000;
  setNoDelay(): this {
    return this;
  }
  pause(): this {
    return this;
  }
  end(): this {
    return this;
  }
  destroy(error?: Error): this {
    throw error ?? new Error('the connection was closed');
  }
}

const gathered = Buffer.alloc(256 * 1024);

/** A connection whose writes are done at once: what is written goes to `peer`, as one piece that is only valid during the call. */
export class WireConnection extends SocketConnection {
  protected readonly copiesOutput = true;
  readonly #peer: (bytes: Buffer, from: WireConnection) => void;

  constructor(tls: TlsFacts | null, peer: (bytes: Buffer, from: WireConnection) => void) {
    super(new NoSocket() as unknown as Socket, tls, {});
    this.#peer = peer;
  }

  startReading(): void {}
  stopReading(): void {}

  /** Bytes that the peer sent. */
  deliver(bytes: Buffer): void {
    this.receive(bytes);
  }

  protected send(queue: readonly Buffer[]): void {
    let length = 0;
    for (const piece of queue) length += piece.copy(gathered, length);
    this.finishWrite();
    this.#peer(gathered.subarray(0, length), this);
  }
}
