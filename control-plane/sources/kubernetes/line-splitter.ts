import { MeshError } from '#shared/runtime/mesh-error.ts';

/** Text in chunks -> whole lines. What is left without an end of line waits for more. */
export class LineSplitter {
  readonly #maxLength: number;
  #parts: string[] = [];
  #length = 0;

  /** Throws a MeshError `resource_exhausted` at a line that is longer. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  push(chunk: string): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      this.#parts.push(chunk.slice(from, end));
      lines.push(this.#parts.join(''));
      this.#parts = [];
      this.#length = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.slice(from));
      this.#length += chunk.length - from;
      if (this.#length > this.#maxLength)
        throw new MeshError('resource_exhausted', `a line is longer than ${this.#maxLength}`);
    }
    return lines.filter((line) => line !== '');
  }
}
