/** Finds the ends of answers over HTTP/1.1 with a content-length, one at a time. Not more than a load generator needs. */
export class AnswerReader {
  #head = '';
  /** Octets of the body that are still to come; -1 while the head is read. */
  #rest = -1;
  #status = 0;

  /** Takes what was received; gives the status once an answer is complete, null before. */
  read(chunk: Buffer): number | null {
    if (this.#rest < 0) {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return null;
      this.#status = Number(this.#head.slice(9, 12));
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end))?.[1] ?? 0);
      this.#rest = length - (this.#head.length - end - 4);
      this.#head = '';
    } else this.#rest -= chunk.length;
    if (this.#rest > 0) return null;
    this.#rest = -1;
    return this.#status;
  }
}
