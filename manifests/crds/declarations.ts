/**
 * Reads the type declarations of `@kubernetes-models/istio` as structural schemas. The package ships its JSON schemas only compiled,
 * but its declarations were generated from the same schemas, so they have one plain form: objects, maps, `Array<...>`, scalars, literals;
 * and, where a schema has `oneOf`, an intersection `BASE & (Exclude<...> | {"a": ...} | {"b": ...})`.
 */
import assert from 'node:assert/strict';

/** A JSON schema as a CustomResourceDefinition takes it. */
export type Schema = Readonly<Record<string, unknown>>;

type Property = Readonly<{ schema: Schema; isRequired: boolean }>;
type Node = Readonly<
  | { kind: 'object'; properties: ReadonlyMap<string, Property> }
  | { kind: 'schema'; schema: Schema }
  | { kind: 'literal'; value: string }
  | { kind: 'excluded' }
  | { kind: 'union' | 'intersection'; parts: readonly Node[] }
>;

const tokenPattern = /\s*(\/\*\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|\w+|[{}()[\]<>:;?&|,])/y;

/** The schema of an interface in the text of a declaration file. Throws on anything that it does not understand. */
export function readInterface(text: string, name: string): Schema {
  const start = text.indexOf(`export interface ${name} {`);
  assert.ok(start >= 0, `there is no interface ${name}`);
  return toSchema(new Reader(text, text.indexOf('{', start)).type());
}

class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#at = start;
  }

  type(): Node {
    return this.#joined('|', 'union', () => this.#joined('&', 'intersection', () => this.#primary()));
  }

  #joined(operator: string, kind: 'union' | 'intersection', operand: () => Node): Node {
    const parts = [operand()];
    while (this.#takes(operator)) parts.push(operand());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind, parts };
  }

  #primary(): Node {
    const token = this.#next();
    if (token === '{') return this.#object();
    if (token === '(') return this.#closed(')');
    if (token.startsWith('"')) return { kind: 'literal', value: JSON.parse(token) as string };
    switch (token) {
      case 'string':
      case 'number':
      case 'boolean':
        return { kind: 'schema', schema: { type: token } };
      case 'any':
        return { kind: 'schema', schema: { 'x-kubernetes-preserve-unknown-fields': true } };
      case 'IObjectMeta':
        return { kind: 'schema', schema: { type: 'object' } };
      case 'Array':
        this.#expect('<');
        return { kind: 'schema', schema: { type: 'array', items: toSchema(this.#closed('>')) } };
      case 'Exclude':
        this.#expect('<');
        this.type();
        this.#expect(',');
        this.#closed('>');
        return { kind: 'excluded' };
      default:
        throw new Error(`a type begins with ${token}`);
    }
  }

  #closed(end: string): Node {
    const node = this.type();
    this.#expect(end);
    return node;
  }

  #object(): Node {
    if (this.#takes('[')) return this.#map();
    const properties = new Map<string, Property>();
    while (!this.#takes('}')) {
      const comment = this.#peek().startsWith('/**') ? this.#next() : '';
      const name = JSON.parse(this.#next()) as string;
      const isRequired = !this.#takes('?');
      this.#expect(':');
      const schema = toSchema(this.type());
      this.#expect(';');
      properties.set(name, { isRequired, schema: { ...described(comment), ...schema } });
    }
    return { kind: 'object', properties };
  }

  /** `{ [key: string]: VALUE; }` after its first bracket. */
  #map(): Node {
    for (const token of ['key', ':', 'string', ']', ':']) this.#expect(token);
    const values = toSchema(this.type());
    for (const token of [';', '}']) this.#expect(token);
    // A map of anything is an object of which nothing is known.
    const schema =
      'type' in values
        ? { type: 'object', additionalProperties: values }
        : { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return { kind: 'schema', schema };
  }

  #peek(): string {
    const before = this.#at;
    const token = this.#next();
    this.#at = before;
    return token;
  }

  #takes(token: string): boolean {
    if (this.#peek() !== token) return false;
    this.#next();
    return true;
  }

  #expect(token: string): void {
    const found = this.#next();
    assert.equal(found, token, `at ${this.#at}: ${found} stands where ${token} should`);
  }

  #next(): string {
    tokenPattern.lastIndex = this.#at;
    const token = tokenPattern.exec(this.#text)?.[1];
    assert.ok(token !== undefined, `at ${this.#at}: no token`);
    this.#at = tokenPattern.lastIndex;
    return token;
  }
}

function described(comment: string): Schema {
  const lines = comment.replaceAll(/^\/\*\*|\*\/$/g, '').split('\n');
  const text = lines.map((line) => line.replace(/^\s*\* ?/, '')).join('\n');
  return text.trim() === '' ? {} : { description: text.trim().replaceAll(/\n{2,}/g, '\n') };
}

function toSchema(node: Node): Schema {
  switch (node.kind) {
    case 'schema':
      return node.schema;
    case 'literal':
      return { type: 'string', enum: [node.value] };
    case 'object':
      return objectSchema(node.properties);
    case 'union':
      return unionSchema(node.parts);
    case 'intersection':
      return intersectionSchema(node.parts);
    case 'excluded':
      throw new Error('an exclusion stands alone');
  }
}

function objectSchema(properties: ReadonlyMap<string, Property>): Schema {
  const required = requiredOf(properties);
  // A schema that names no members is of something free, such as a patch of Envoy's own configuration.
  if (properties.size === 0) return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    type: 'object',
    properties: Object.fromEntries([...properties].map(([name, { schema }]) => [name, schema])),
    ...(required.length > 0 ? { required } : {}),
  };
}

/** Words to choose from, or a number that may be written as text. */
function unionSchema(parts: readonly Node[]): Schema {
  if (parts.every((part) => part.kind === 'literal')) return { type: 'string', enum: parts.map((part) => part.value) };
  const types = parts.map((part) => (part.kind === 'schema' ? part.schema['type'] : part.kind));
  assert.equal(types.join(' '), 'number string', 'a union of other things than words');
  return { 'x-kubernetes-int-or-string': true };
}

/** The first part says what there is; each further one that of some members at most one (or exactly one) may be set. */
function intersectionSchema(parts: readonly Node[]): Schema {
  const [base, ...rest] = parts;
  assert.ok(base?.kind === 'object', 'an intersection begins with an object');
  const choices = rest.flatMap((part) => choicesOf(part, requiredOf(base.properties)));
  const [only] = choices;
  const choice = choices.length === 1 && only !== undefined ? only : { allOf: choices };
  return { ...objectSchema(base.properties), ...choice };
}

function choicesOf(node: Node, always: readonly string[]): Schema[] {
  // The base is repeated wherever a choice begins.
  if (node.kind === 'object') return [];
  if (node.kind === 'intersection') return node.parts.flatMap((part) => choicesOf(part, always));
  assert.ok(node.kind === 'union', 'members are chosen by a union');
  const alternatives = node.parts.flatMap((part) => {
    if (part.kind !== 'object') return [];
    return [{ required: requiredOf(part.properties).filter((name) => !always.includes(name)) }];
  });
  const mayBeNone = node.parts.some(({ kind }) => kind === 'excluded');
  return [{ oneOf: mayBeNone ? [{ not: { anyOf: alternatives } }, ...alternatives] : alternatives }];
}

function requiredOf(properties: ReadonlyMap<string, Property>): string[] {
  return [...properties].flatMap(([name, { isRequired }]) => (isRequired ? [name] : []));
}
