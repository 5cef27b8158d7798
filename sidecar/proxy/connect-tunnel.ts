import { Buffer } from 'node:buffer';
import { classify } from '../net/sniff.ts';
import type { Connection, ConnectionHandler } from '../transport/transport.ts';
import type { HttpService } from './plan.ts';

/** Who carries on with the bytes inside a CONNECT. */
export type TunnelHost = Readonly<{
  /** Bytes that are not HTTP go to the named host as they are. */
  tunnelTo: (connection: Connection, authority: string, service: HttpService) => void;
}>;

/** What becomes of the connection: `onLeave` first, when it is handed on or gone. */
export type TunnelOutcome = Readonly<{ onHttp: () => void; onOther: () => void; onLeave: () => void }>;

const maxSniffBytes = 64 * 1024;

/**
 * The inside of a CONNECT: its first bytes tell whether it is HTTP, to be routed as any request (undici and grpc-js send CONNECT for
 * plain HTTP), or something else, to be passed through.
 */
export class ConnectTunnel implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #outcome: TunnelOutcome;
  #seen: Buffer = Buffer.alloc(0);

  constructor(connection: Connection, outcome: TunnelOutcome) {
    this.#connection = connection;
    this.#outcome = outcome;
  }

  start(): void {
    this.#connection.setHandler(this);
  }

  onData(bytes: Buffer): void {
    this.#seen = Buffer.concat([this.#seen, bytes]);
    const found = classify(this.#seen);
    if (found.kind === 'more' && this.#seen.length < maxSniffBytes) return;
    this.#connection.pause();
    this.#connection.unread(this.#seen);
    this.#outcome.onLeave();
    if (found.kind === 'http1') this.#outcome.onHttp();
    else this.#outcome.onOther();
  }

  onDrain(): void {}

  onEnd(): void {
    this.#connection.end();
  }

  onClose(): void {
    this.#outcome.onLeave();
  }
}
