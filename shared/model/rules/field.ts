/**
 * A value inside a document, with its path. What is absent or of another type reads as the zero value of the type asked
 * for (as in Istio's own validation), so that rules never throw on what the schema refuses anyway.
 */
export class Field {
  readonly path: string;
  readonly value: unknown;

  constructor(path: string, value: unknown) {
    this.path = path;
    this.value = value;
  }

  /** Whether there is a value (`null` is none). */
  get isSet(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  get isObject(): boolean {
    return isRecord(this.value);
  }

  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }

  get number(): number {
    return typeof this.value === 'number' ? this.value : 0;
  }

  get isTrue(): boolean {
    return this.value === true;
  }

  /** The member of a name. */
  get(name: string): Field {
    return new Field(memberPath(this.path, name), isRecord(this.value) ? ownMember(this.value, name) : undefined);
  }

  /** The member at the end of several names. */
  at(...names: readonly string[]): Field {
    return names.reduce<Field>((field, name) => field.get(name), this);
  }

  /** The elements of a list. */
  get items(): readonly Field[] {
    return Array.isArray(this.value)
      ? this.value.map((value: unknown, index) => new Field(`${this.path}[${index}]`, value))
      : [];
  }

  /** The members of a map, by name. */
  get entries(): readonly (readonly [string, Field])[] {
    return isRecord(this.value)
      ? Object.entries(this.value).map(
          ([name, value]) => [name, new Field(memberPath(this.path, name), value)] as const,
        )
      : [];
  }
}

/** Whether a value is an object that is no list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path of a member: `.name`, or `["na.me"]` where the name has other letters. */
export function memberPath(path: string, name: string): string {
  if (!/^[\w-]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

function ownMember(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
