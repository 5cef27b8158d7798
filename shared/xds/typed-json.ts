import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import { typeNameOf } from './encode.ts';
import { readScalarJson, readWellKnownJson } from './json-values.ts';
import { enumShape, messageShape } from './protos.ts';
import { isDefaultScalar } from './scalars.ts';
import type { FieldShape, MessageShape } from './shapes.ts';
import type { TypedMessage, TypedObject, TypedValue } from './typed.ts';
import { hasOwnJson, wellKnown } from './well-known.ts';

/** Nesting beyond this is refused: what is deeper was not written by a person. */
const maxDepth = 100;

/**
 * Reads a message as a user wrote it (proto3 JSON, in YAML or JSON) into the typed form: fields by either of their names,
 * enums by name or number. Fields, enum values and types that do not exist are refused by path, all at once.
 */
export function readTypedJson(input: unknown, typeUrl: string, path: string): Result<TypedMessage> {
  const problems: Problem[] = [];
  const reader = new JsonReader(problems);
  const message = reader.any(isRecord(input) ? { '@type': typeUrl, ...input } : input, path, 0);
  if (message !== undefined && message['@type'] !== typeUrl)
    problems.push(problem(at(path, '@type'), `expected ${typeUrl}, got ${message['@type']}`));
  return message === undefined || problems.length > 0 ? fail(problems) : ok(message);
}

type Mutable = { [field: string]: TypedValue };

class JsonReader {
  readonly #problems: Problem[];

  constructor(problems: Problem[]) {
    this.#problems = problems;
  }

  /** A message that names its type. */
  any(input: unknown, path: string, depth: number): TypedMessage | undefined {
    if (!isRecord(input)) return this.#refuse(path, `expected a message, got ${describe(input)}`);
    const typeUrl = input['@type'];
    if (typeof typeUrl !== 'string') return this.#refuse(at(path, '@type'), 'the type of the message is missing');
    const fullName = typeNameOf(typeUrl);
    if (hasOwnJson(fullName)) {
      const value = this.#message(fullName, input['value'], at(path, 'value'), depth + 1);
      return value === undefined ? undefined : { '@type': typeUrl, value };
    }
    const shape = messageShape(fullName);
    if (shape === undefined) return this.#refuse(at(path, '@type'), `the message type ${fullName} is not known`);
    const { '@type': _, ...fields } = input;
    return { '@type': typeUrl, ...this.#fields(shape, fields, path, depth) };
  }

  #message(fullName: string, input: unknown, path: string, depth: number): TypedValue | undefined {
    if (depth > maxDepth) return this.#refuse(path, `nested deeper than ${maxDepth}`);
    if (fullName === wellKnown.any) return this.any(input, path, depth);
    if (hasOwnJson(fullName)) {
      const read = readWellKnownJson(fullName, input);
      return read.ok ? read.value : this.#refuse(path, read.expected, input);
    }
    const shape = messageShape(fullName);
    if (shape === undefined) return this.#refuse(path, `the message type ${fullName} is not known`);
    if (!isRecord(input)) return this.#refuse(path, 'expected an object', input);
    return this.#fields(shape, input, path, depth);
  }

  #fields(shape: MessageShape, input: Record<string, unknown>, path: string, depth: number): TypedObject {
    const message: Mutable = {};
    const oneofs = new Map<string, string>();
    for (const [name, value] of Object.entries(input)) {
      const field = shape.byName.get(name);
      if (field === undefined) {
        this.#refuse(at(path, name), `${shape.fullName} has no such field`);
        continue;
      }
      if (value === undefined || (value === null && field.type !== wellKnown.value)) continue;
      this.#refuseDoubles(field, { name, message, oneofs, path });
      const read = this.#field(field, value, at(path, name), depth);
      if (read !== undefined) message[field.name] = read;
    }
    return message;
  }

  #refuseDoubles(
    field: FieldShape,
    seen: { name: string; message: Mutable; oneofs: Map<string, string>; path: string },
  ): void {
    const { name, message, oneofs, path } = seen;
    if (message[field.name] !== undefined) this.#refuse(at(path, name), `${field.name} is there twice`);
    if (field.oneof === '') return;
    const other = oneofs.get(field.oneof);
    if (other !== undefined && other !== field.name)
      this.#refuse(at(path, name), `only one of ${other} and ${field.name} can be set`);
    oneofs.set(field.oneof, field.name);
  }

  #field(field: FieldShape, input: unknown, path: string, depth: number): TypedValue | undefined {
    switch (field.label) {
      case 'one': {
        const value = this.#single(field, input, path, depth);
        const isDefault =
          field.kind === 'enum' ? enumShape(field.type)?.values.get(String(value)) === 0 : isDefaultScalar(value);
        return isDefault ? undefined : value;
      }
      case 'optional':
        return this.#single(field, input, path, depth);
      case 'repeated':
        return this.#list(field, input, path, depth);
      case 'map':
        return this.#map(field, input, path, depth);
    }
  }

  #list(field: FieldShape, input: unknown, path: string, depth: number): TypedValue | undefined {
    if (!Array.isArray(input)) return this.#refuse(path, 'expected a list', input);
    const list = input.map((element: unknown, index) => this.#single(field, element, `${path}[${index}]`, depth));
    return list.length === 0 ? undefined : list.filter((element) => element !== undefined);
  }

  #map(field: FieldShape, input: unknown, path: string, depth: number): TypedValue | undefined {
    if (!isRecord(input)) return this.#refuse(path, 'expected a map', input);
    const entries: [string, TypedValue][] = [];
    for (const [key, element] of Object.entries(input)) {
      const keyPath = `${path}[${JSON.stringify(key)}]`;
      const numericKey = /^(?:u?s?int|s?fixed)/.test(field.keyType);
      if (numericKey && !readScalarJson(field.keyType, key).ok) this.#refuse(keyPath, 'expected a number as key');
      const value = this.#single(field, element, keyPath, depth);
      if (value !== undefined) entries.push([key, value]);
    }
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }

  #single(field: FieldShape, input: unknown, path: string, depth: number): TypedValue | undefined {
    if (field.kind === 'message') return this.#message(field.type, input, path, depth + 1);
    if (field.kind === 'enum') return this.#enumValue(field.type, input, path);
    const read = readScalarJson(field.type, input);
    return read.ok ? read.value : this.#refuse(path, read.expected, input);
  }

  #enumValue(fullName: string, input: unknown, path: string): TypedValue | undefined {
    const shape = enumShape(fullName);
    if (typeof input === 'string' && shape?.values.has(input) === true) return input;
    const name = typeof input === 'number' ? shape?.names.get(input) : undefined;
    if (name !== undefined) return name;
    return this.#refuse(path, `expected one of ${[...(shape?.values.keys() ?? [])].join(', ')}`, input);
  }

  #refuse(path: string, message: string, ...input: [] | [unknown]): undefined {
    this.#problems.push(problem(path, input.length === 0 ? message : `${message}, got ${describe(input[0])}`));
    return undefined;
  }
}

function at(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function describe(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'an object';
  const text = JSON.stringify(input) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}
