import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { maxGatheredBytes, SocketConnection, type ConnectionOptions } from './socket-connection.ts';
import type { TlsFacts } from './transport.ts';

/** The transport on documented streams: works on any Node. The socket must not have a `data` listener. */
export class StreamConnection extends SocketConnection {
  protected readonly copiesOutput = false;
  readonly #onWritten: () => void;

  constructor(socket: Socket, tls: TlsFacts | null, options: ConnectionOptions) {
    super(socket, tls, options);
    this.#onWritten = () => this.finishWrite();
    const onBytes = (bytes: Buffer) => this.receive(bytes);
    if (options.inlet === undefined) socket.on('data', onBytes);
    else for (const early of options.inlet.open(onBytes)) this.receive(early);
    socket.pause();
  }

  startReading(): void {
    this.socket.resume();
  }

  stopReading(): void {
    this.socket.pause();
  }

  protected send(queue: readonly Buffer[], bytes: number): void {
    const [first] = queue;
    if (queue.length === 1 && first !== undefined) this.socket.write(first, this.#onWritten);
    else if (bytes <= maxGatheredBytes) this.socket.write(Buffer.concat(queue), this.#onWritten);
    else this.#writeVector(queue);
  }

  #writeVector(queue: readonly Buffer[]): void {
    this.socket.cork();
    queue.forEach((bytes, index) => {
      if (index < queue.length - 1) this.socket.write(bytes);
      else this.socket.write(bytes, this.#onWritten);
    });
    this.socket.uncork();
  }
}
