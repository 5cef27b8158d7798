import type { Field } from './field.ts';
import type { Report } from './report.ts';
import { describeType } from './schema.ts';

/** Reading values of kinds that have no compiled schema. */

/** One of several texts; another one is reported. */
export function oneOf<T extends string>(field: Field, known: readonly T[], report: Report): T | undefined {
  const found = known.find((value) => value === field.value);
  if (found === undefined && field.isSet)
    report.error(field, `${JSON.stringify(field.value)} is not one of ${known.join(', ')}`);
  return found;
}

/** A text; whatever else stands there is reported. */
export function readText(field: Field, report: Report): string | undefined {
  if (field.isSet && typeof field.value !== 'string')
    report.error(field, `is ${describeType(field.value)}, must be a string`);
  return field.isSet ? field.text : undefined;
}

/** True or false; whatever else stands there is reported. */
export function readFlag(field: Field, report: Report): boolean | undefined {
  if (field.isSet && typeof field.value !== 'boolean')
    report.error(field, `is ${describeType(field.value)}, must be true or false`);
  return field.isSet ? field.isTrue : undefined;
}

/** The elements of a list; whatever else stands there is reported. */
export function listOf(field: Field, report: Report): readonly Field[] {
  if (field.isSet && !Array.isArray(field.value))
    report.error(field, `is ${describeType(field.value)}, must be a list`);
  return field.items;
}

/** A text; whatever else stands there is reported. */
/** A list of texts. */
export function readTextList(field: Field, report: Report): readonly string[] | undefined {
  const items = listOf(field, report);
  return field.isSet ? items.map((item) => readText(item, report) ?? '') : undefined;
}

/** A member that is left out when it has no value. */
export function optional<K extends string, V>(name: K, value: V | undefined): { readonly [name in K]?: V } {
  // A computed name widens to `string`; it is K.
  return (value === undefined ? {} : { [name]: value }) as { readonly [name in K]?: V };
}

/** A whole number within limits; whatever else stands there is reported. */
export function readInteger(
  field: Field,
  [minimum, maximum]: readonly [number, number],
  report: Report,
): number | undefined {
  if (!field.isSet) return undefined;
  if (Number.isInteger(field.value) && field.number >= minimum && field.number <= maximum) return field.number;
  report.error(field, `${JSON.stringify(field.value)} is not a whole number from ${minimum} to ${maximum}`);
  return undefined;
}
