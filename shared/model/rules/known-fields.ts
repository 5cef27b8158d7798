import assert from 'node:assert/strict';

/**
 * The fields that a compiled schema validator knows. The validators of `@kubernetes-models/istio` take unknown fields in
 * silence and carry no list of the known ones, so they are asked: a value that notes what is read from it goes in. What
 * no schema reads is unknown. A validator reads every member that it knows, whatever the values are; a list or a map
 * shows itself by being read as one.
 */

/** What may stand at a path: members by name, elements, or anything. */
export type KnownFields =
  | Readonly<{ kind: 'object'; members: ReadonlyMap<string, KnownFields> }>
  | Readonly<{ kind: 'map'; values: KnownFields }>
  | Readonly<{ kind: 'list'; elements: KnownFields }>
  | Readonly<{ kind: 'leaf' }>;

type Guess = 'object' | 'list' | 'leaf';
type Probe = { readonly reads: Set<string>; isEnumerated: boolean };

const anyKey = '*';
const element = '[]';
const separator = '\n';
/** Deeper than any schema of Istio; a validator that never stops reading would be another than we know. */
const maxRounds = 64;

/** Asks a validator for the fields below `spec`. */
export function discoverKnownFields(validate: (spec: unknown) => void): KnownFields {
  const guesses = new Map<string, Guess>();
  for (let round = 0; round < maxRounds; round++) {
    const probes = new Map<string, Probe>();
    validate(makeProbe('', guesses, probes));
    if (!improveGuesses(guesses, probes)) return toKnownFields('', guesses, probes);
  }
  throw new assert.AssertionError({ message: 'a schema validator reads without end' });
}

/** A path that nothing was read from is no object: it is taken for a list next, then for a scalar. */
function improveGuesses(guesses: Map<string, Guess>, probes: ReadonlyMap<string, Probe>): boolean {
  let hasChanged = false;
  for (const [path, { reads, isEnumerated }] of probes) {
    if (reads.size > 0 || isEnumerated) continue;
    guesses.set(path, guesses.get(path) === 'list' ? 'leaf' : 'list');
    hasChanged = true;
  }
  return hasChanged;
}

function makeProbe(path: string, guesses: ReadonlyMap<string, Guess>, probes: Map<string, Probe>): unknown {
  const guess = guesses.get(path) ?? 'object';
  if (guess === 'leaf') return 0;
  const probe: Probe = { reads: new Set(), isEnumerated: false };
  probes.set(path, probe);
  const target = guess === 'list' ? [null] : { [anyKey]: null };
  return new Proxy(target, {
    get(object, key) {
      if (typeof key === 'symbol') return Reflect.get(object, key) as unknown;
      if (guess === 'list' && key !== '0') return Reflect.get(object, key) as unknown;
      const name = guess === 'list' ? element : key;
      probe.reads.add(name);
      return makeProbe(path + separator + name, guesses, probes);
    },
    ownKeys(object) {
      probe.isEnumerated = true;
      return Reflect.ownKeys(object);
    },
  });
}

function toKnownFields(
  path: string,
  guesses: ReadonlyMap<string, Guess>,
  probes: ReadonlyMap<string, Probe>,
): KnownFields {
  const probe = probes.get(path);
  if (probe === undefined) return { kind: 'leaf' };
  const below = (name: string) => toKnownFields(path + separator + name, guesses, probes);
  if (guesses.get(path) === 'list') return { kind: 'list', elements: below(element) };
  if (probe.isEnumerated) return { kind: 'map', values: below(anyKey) };
  return { kind: 'object', members: new Map([...probe.reads].map((name) => [name, below(name)])) };
}
