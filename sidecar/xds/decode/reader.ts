/**
 * Reads one message in typed form, remembering which fields were read: what nobody read is refused by name, so that nothing
 * is ignored in silence. All problems of a resource are gathered in one list, each with its path.
 */
import { problem, type Problem } from '#shared/runtime/result.ts';
import type { TypedObject, TypedValue } from '#shared/xds/typed.ts';

/** Whether a value is a message. */
export const isRecord = (value: TypedValue | undefined): value is TypedObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A scalar of a free-form part as text; messages and lists have none (and may hold anything, a `toString` included). */
export function textOf(value: TypedValue | undefined): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value);
}

export class Reader {
  readonly path: string;
  readonly problems: Problem[];
  readonly #fields: TypedObject;
  readonly #read = new Set<string>(['@type']);

  constructor(value: TypedValue | undefined, path: string, problems: Problem[]) {
    this.path = path;
    this.problems = problems;
    this.#fields = isRecord(value) ? value : {};
    if (!isRecord(value)) this.refuse('', 'must be a message');
  }

  /** The whole message, for configuration dumps and free-form parts. */
  get raw(): TypedObject {
    return this.#fields;
  }

  /** The short name of `@type`: `envoy.config.cluster.v3.Cluster`. */
  get type(): string {
    const url = this.#fields['@type'];
    return typeof url === 'string' ? url.slice(url.indexOf('/') + 1) : '';
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined;
  }

  /** The first of these fields that is set (a oneof), or null. */
  oneOf(...fields: string[]): string | null {
    return fields.find((field) => this.has(field)) ?? null;
  }

  string(field: string, otherwise = ''): string {
    const value = this.#take(field);
    if (value === undefined) return otherwise;
    if (typeof value !== 'string') this.refuse(field, 'must be a string');
    return typeof value === 'string' ? value : otherwise;
  }

  bool(field: string, otherwise = false): boolean {
    const value = this.#take(field);
    return typeof value === 'boolean' ? value : otherwise;
  }

  number(field: string, otherwise = 0): number {
    const value = this.#take(field);
    const number = typeof value === 'string' ? Number(value) : value;
    return typeof number === 'number' && !Number.isNaN(number) ? number : otherwise;
  }

  /** A duration in milliseconds. */
  ms(field: string, otherwise: number): number {
    const value = this.#take(field);
    if (value === undefined) return otherwise;
    const seconds = typeof value === 'string' && value.endsWith('s') ? Number(value.slice(0, -1)) : Number.NaN;
    if (!Number.isFinite(seconds)) this.refuse(field, 'must be a duration such as "1.5s"');
    return Number.isFinite(seconds) ? seconds * 1000 : otherwise;
  }

  msOrNull(field: string): number | null {
    return this.has(field) ? this.ms(field, 0) : null;
  }

  strings(field: string): string[] {
    const value = this.#take(field);
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  numbers(field: string): number[] {
    const value = this.#take(field);
    return Array.isArray(value) ? value.map(Number) : [];
  }

  message(field: string): Reader | null {
    const value = this.#take(field);
    return value === undefined ? null : new Reader(value, this.#at(field), this.problems);
  }

  messages(field: string): Reader[] {
    const value = this.#take(field);
    if (!Array.isArray(value)) return [];
    return value.map((item: TypedValue, index) => new Reader(item, `${this.#at(field)}[${index}]`, this.problems));
  }

  /** A map from names to messages. */
  messageMap(field: string): [string, Reader][] {
    const value = this.#take(field);
    if (!isRecord(value)) return [];
    return Object.entries(value).map(([key, item]) => [
      key,
      new Reader(item, `${this.#at(field)}.${key}`, this.problems),
    ]);
  }

  /** A free-form part (`Struct`), as it is. */
  struct(field: string): TypedObject {
    const value = this.#take(field);
    return isRecord(value) ? value : {};
  }

  /** Fields that are known and need nothing of us. */
  ignore(...fields: string[]): this {
    for (const field of fields) this.#read.add(field);
    return this;
  }

  /** A limit that is not kept: fine while it says nothing (absent, or zero), else refused rather than ignored. */
  mustBeUnset(...fields: string[]): this {
    for (const field of fields) {
      const value = this.#take(field);
      const isNothing = value === undefined || value === 0 || (typeof value === 'string' && /^0(\.0+)?s$/.test(value));
      if (!isNothing) this.refuse(field, 'is not supported: leave it out, or set it to 0');
    }
    return this;
  }

  /** Refuses a field (or, with an empty name, the message). */
  refuse(field: string, message: string): void {
    this.problems.push(problem(field === '' ? this.path : this.#at(field), message));
  }

  /** To be called when everything was read: refuses what is left. */
  done(): void {
    for (const field of Object.keys(this.#fields)) {
      if (!this.#read.has(field)) this.refuse(field, 'is not supported');
    }
  }

  #take(field: string): TypedValue | undefined {
    this.#read.add(field);
    return this.#fields[field];
  }

  #at(field: string): string {
    return this.path === '' ? field : `${this.path}.${field}`;
  }
}
