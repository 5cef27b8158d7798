import * as fc from 'fast-check';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One change of a JSON value: which part of it, and what is put there. */
type Change = Readonly<{ at: number; how: 'replace' | 'remove' | 'rename' | 'double'; value: Json }>;

const values: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    '',
    '*',
    '1s',
    '-1s',
    '1e9999s',
    '([a',
    '%X%',
    'type.googleapis.com/no.such.Type',
    [],
    {},
    null,
  ),
  fc.constantFrom<Json>(-1, 0, 0.5, 65_536, 4_294_967_295, 1e300, true, false),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

/** A few changes. */
export const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    at: fc.nat(),
    how: fc.constantFrom(
      'replace' as const,
      'replace' as const,
      'remove' as const,
      'rename' as const,
      'double' as const,
    ),
    value: values,
  }),
  { minLength: 1, maxLength: 4 },
);

/** A copy of a JSON value with these changes. */
export function mutate(value: unknown, list: readonly Change[]): unknown {
  const copy = structuredClone(value) as Json;
  for (const change of list) apply(copy, change);
  // What was taken out of a list is null in JSON, not a hole.
  return JSON.parse(JSON.stringify(copy));
}

function apply(root: Json, { at, how, value }: Change): void {
  const places = placesOf(root);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return;
  const [parent, key] = place;
  const before = Reflect.get(parent, key) as Json;
  if (how === 'replace') Reflect.set(parent, key, structuredClone(value));
  else if (how === 'double') Reflect.set(parent, key, [structuredClone(before), structuredClone(before)]);
  else Reflect.deleteProperty(parent, key);
  if (how === 'rename') Reflect.set(parent, `${key}_x`, before);
}

/** Each part of the value, as the object that has it and its key there. */
function placesOf(value: Json, places: [object, string][] = []): [object, string][] {
  if (typeof value !== 'object' || value === null) return places;
  for (const [key, item] of Object.entries(value)) {
    places.push([value, key]);
    placesOf(item, places);
  }
  return places;
}

/** A few changes of bytes: at a place, so many are taken out and these put in. */
export const byteChanges = fc.array(
  fc.record({ at: fc.nat(), drop: fc.nat({ max: 4 }), put: fc.uint8Array({ maxLength: 4 }) }),
  { minLength: 1, maxLength: 6 },
);

/** Bytes with these changes. */
export function mutateBytes(
  bytes: Buffer,
  list: readonly Readonly<{ at: number; drop: number; put: Uint8Array }>[],
): Buffer {
  return list.reduce((before, { at, drop, put }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), put, before.subarray(start + drop)]);
  }, bytes);
}
