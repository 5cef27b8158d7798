import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { knownFieldsOf, validateSpec, type SchemaKind } from './istio-schemas.ts';
import type { KnownFields } from './known-fields.ts';

const kinds: Readonly<Record<SchemaKind, string>> = {
  VirtualService: 'networking.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1',
  WorkloadEntry: 'networking.istio.io/v1',
  WorkloadGroup: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
};

function namesIn(known: KnownFields): readonly string[] {
  switch (known.kind) {
    case 'leaf':
      return [];
    case 'list':
      return namesIn(known.elements);
    case 'map':
      return namesIn(known.values);
    case 'object':
      return [...known.members].flatMap(([name, below]) => [name, ...namesIn(below)]);
  }
}

/** The names of the fields in the package's types, which repeat what a `oneOf` combines. */
function namesInTypes(kind: string, folder: string): readonly string[] {
  const file = new URL(import.meta.resolve(`@kubernetes-models/istio/${folder}/${kind}`).replace(/\.js$/, '.d.ts'));
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const spec = /"spec"\??: ([\s\S]*?)\n {4}\};?\n/.exec(text)?.[1] ?? '';
  return [...spec.matchAll(/^\s*"(\w+)"\??:/gm)].map(([, name = '']) => name);
}

for (const [kind, folder] of Object.entries(kinds) as [SchemaKind, string][]) {
  test(`the fields that the validator of ${kind} shows are those of its types`, () => {
    const inTypes = namesInTypes(kind, folder);
    assert.ok(inTypes.length > 2);
    assert.deepEqual(new Set(namesIn(knownFieldsOf(kind))), new Set(inTypes));
  });
}

test('a validator reports every error at once', () => {
  const errors = validateSpec('ServiceEntry', { hosts: 1, ports: [{ number: 'x' }] });
  assert.deepEqual(
    errors.map(({ instancePath }) => instancePath),
    ['/spec/hosts', '/spec/ports/0', '/spec/ports/0/number'],
  );
});
