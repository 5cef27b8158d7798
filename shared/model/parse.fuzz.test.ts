import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseMeshConfig } from './mesh-config.ts';
import { isKnownKind, parseResource } from './parse.ts';
import { knownFieldsOf, type SchemaKind } from './rules/istio-schemas.ts';
import type { KnownFields } from './rules/known-fields.ts';

const apiVersions: Readonly<Record<string, string>> = {
  VirtualService: 'networking.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1alpha3',
  WorkloadEntry: 'networking.istio.io/v1beta1',
  WorkloadGroup: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
};
const scalars = fc.oneof(
  fc.constantFrom(
    '',
    '*',
    'a',
    'reviews.shop',
    '10s',
    '0s',
    '10.0.0.0/8',
    'unix:///x',
    '(?=a)',
    'HTTP',
    'STATIC',
    'DNS',
    '/',
  ),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.string(),
);

/** Values of a schema's shape with foreign scalars, now and then of another shape. */
function shaped(known: KnownFields): fc.Arbitrary<unknown> {
  const { kind } = known;
  if (kind === 'leaf')
    return fc.oneof({ weight: 3, arbitrary: scalars }, { weight: 1, arbitrary: fc.array(scalars, { maxLength: 2 }) });
  if (kind === 'list') return mostly(fc.array(shaped(known.elements), { maxLength: 3 }));
  if (kind === 'map') return mostly(fc.dictionary(fc.string({ maxLength: 5 }), shaped(known.values), { maxKeys: 3 }));
  const members = [...known.members].map(([name, below]) => [name, shaped(below)] as const);
  return mostly(fc.record(Object.fromEntries(members), { requiredKeys: [] }));
}

function mostly(arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 20, arbitrary }, { weight: 1, arbitrary: scalars });
}

test('never throws on arbitrary JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(parseResource(value).ok, false);
      assert.equal(isKnownKind(value), false);
      parseMeshConfig(value);
    }),
  );
});

for (const [kind, apiVersion] of Object.entries(apiVersions)) {
  test(`never throws on anything of the shape of a ${kind}`, () => {
    const metadata = { name: 'x' };
    fc.assert(
      fc.property(shaped(knownFieldsOf(kind as SchemaKind)), (spec) => {
        const result = parseResource({ apiVersion, kind, metadata, spec });
        const problems = result.ok ? result.warnings : result.problems;
        assert.ok(result.ok || problems.some(({ severity }) => severity === 'error'));
        for (const { path } of problems) assert.match(path, /^spec/);
      }),
      { numRuns: 60 },
    );
  });
}

test('never throws on any spec of a Service or TrafficSplit', () => {
  const fields = ['ports', 'type', 'selector', 'service', 'backends', 'matches', 'clusterIPs', 'externalName'];
  const spec = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue());
  fc.assert(
    fc.property(spec, (value) => {
      parseResource({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: value });
      parseResource({
        apiVersion: 'split.smi-spec.io/v1alpha1',
        kind: 'TrafficSplit',
        metadata: { name: 'x' },
        spec: value,
      });
    }),
  );
});
