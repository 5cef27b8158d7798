/**
 * Limits of scalars and lists (integers, ranges, lengths, patterns), which type declarations do not have: the compiled validator of a
 * kind is asked for each, by values that break them, since its answers name the rule and its parameters.
 */
import type { Schema } from './declarations.ts';

/** One complaint of a compiled validator, as Ajv has it. */
export type Complaint = Readonly<{
  instancePath: string;
  keyword: string;
  params: Readonly<Record<string, unknown>>;
}>;

/** What a validator says against a document. */
export type Judge = (document: unknown) => readonly Complaint[];

type Place = Readonly<{ path: string; wrap: (value: unknown) => unknown }>;

const longText = 'x'.repeat(100_000);
/** Values of each type that break all limits of that type. */
const breaking: Readonly<Record<string, readonly unknown[]>> = {
  string: ['', longText, '\u0000'],
  number: [0.5, -1e300, 1e300],
  array: [[], Array.from({ length: 5_000 }, () => null)],
};
const limits = ['minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems'];

/** A schema with the limits that the validator tells when it is asked. */
export function withConstraints(schema: Schema, judge: Judge): Schema {
  return constrain(schema, { path: '', wrap: (value) => value }, judge);
}

function constrain(schema: Schema, place: Place, judge: Judge): Schema {
  const { properties, additionalProperties: values, items } = schema as Record<string, Schema | undefined>;
  if (properties !== undefined) return { ...schema, properties: constrainMembers(properties, place, judge) };
  if (values !== undefined)
    return { ...schema, additionalProperties: constrain(values, below(place, 'k', { k: null }), judge) };
  const own = { ...schema, ...asked(schema, place, judge) };
  if (items === undefined) return own;
  return { ...own, items: constrain(items, below(place, '0', [null]), judge) };
}

function constrainMembers(properties: Schema, place: Place, judge: Judge): Schema {
  return Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [
      name,
      constrain(member as Schema, below(place, name, { [name]: null }), judge),
    ]),
  );
}

function below({ path, wrap }: Place, name: string, container: object): Place {
  const around = (value: unknown) => wrap(Array.isArray(container) ? [value] : { [name]: value });
  return { path: `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, wrap: around };
}

function asked(schema: Schema, { path, wrap }: Place, judge: Judge): Schema {
  const type = String(schema['type']);
  if (schema['enum'] !== undefined || !Object.hasOwn(breaking, type)) return {};
  const complaints = (breaking[type] ?? [])
    .flatMap((value) => judge(wrap(value)))
    .filter(({ instancePath }) => instancePath === path);
  const found: Record<string, unknown> = {};
  for (const { keyword, params } of complaints) {
    if (keyword === 'type' && params['type'] === 'integer') found['type'] = 'integer';
    if (limits.includes(keyword)) found[keyword] = params['limit'];
    if (keyword === 'pattern') found['pattern'] = params['pattern'];
  }
  return found;
}
