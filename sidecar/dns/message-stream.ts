/** DNS messages on a TCP connection: each with its length before it (RFC 1035, section 4.2.2). */
export class MessageStream {
  readonly #onMessage: (message: Buffer) => void;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** Takes the next bytes; calls back for each message that is whole. */
  push(bytes: Buffer): void {
    let rest = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0);
      if (rest.length < end) break;
      // A copy: what is kept of a message must not keep all that it came with.
      this.#onMessage(Buffer.from(rest.subarray(2, end)));
      rest = rest.subarray(end);
    }
    this.#waiting = rest;
  }
}

/** A message as it travels on a connection. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
