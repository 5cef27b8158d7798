/**
 * Equal parts of decoded resources become one object: a thousand clusters have the same transport, limits and retry policy, each
 * decoded anew. A pool serves the resources that come together and then goes; what it made one stays one.
 */
export class PartPool {
  /** By what they hold: parts within them are told by their number. */
  readonly #parts = new Map<string, object>();
  readonly #numbers = new Map<object, number>();
  readonly #texts = new Map<string, string>();

  /** The value, or one equal to it. Its parts are replaced in place: it must be new, and nobody's yet. */
  share<T>(value: T): T;
  share(value: unknown): unknown {
    if (typeof value === 'string') return this.#shareText(value);
    if (typeof value !== 'object' || value === null || this.#numbers.has(value)) return value;
    if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return this.#keep(value);
    const content = this.#shareParts(value);
    const known = this.#parts.get(content);
    if (known !== undefined) return known;
    this.#parts.set(content, value);
    return this.#keep(value);
  }

  /** Shares what is in it, and tells it all. */
  #shareParts(value: object): string {
    let content = Array.isArray(value) ? '[' : '{';
    for (const name of Object.keys(value)) {
      const part: unknown = Reflect.get(value, name);
      const shared = this.share(part);
      if (shared !== part) Reflect.set(value, name, shared);
      content += `${JSON.stringify(name)}:${this.#describe(shared)},`;
    }
    return content;
  }

  #describe(part: unknown): string {
    if (typeof part === 'object' && part !== null) return `#${this.#numbers.get(part)}`;
    return typeof part === 'string' ? JSON.stringify(part) : `${typeof part} ${String(part)}`;
  }

  #shareText(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }

  #keep(value: object): object {
    this.#numbers.set(value, this.#numbers.size);
    return value;
  }
}
