/** Whatever stands in a file or on a command line: it is read, or refused with problems that have a text. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parseMeshConfig } from '#shared/model/mesh-config.ts';
import { parseResource } from '#shared/model/parse.ts';
import { isDocument, parseYamlDocuments } from '#shared/model/yaml-documents.ts';
import type { Result } from '#shared/runtime/result.ts';
import { parseSettings as parseControlPlane } from '../../control-plane/settings.ts';
import { parseBootstrap } from '../../sidecar/bootstrap/bootstrap.ts';
import { parseSettings as parseSidecar } from '../../sidecar/settings.ts';
import { dumpedResources } from '../../sidecar/xds/dumps.fixture.ts';
import { changes, mutate } from './mutations.fixture.ts';

function isNamed(result: Result<unknown>): void {
  if (result.ok) return;
  assert.ok(result.problems.length > 0);
  for (const { message, path } of result.problems) assert.ok(message.length > 0, path);
}

const [listener] = dumpedResources().filter(({ type }) => type === 'listener');
const [cluster] = dumpedResources().filter(({ type }) => type === 'cluster');
assert.ok(listener !== undefined && cluster !== undefined);
const aBootstrap = {
  node: { id: 'a', cluster: 'b' },
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: 15_000 } } },
  static_resources: { listeners: [listener.json], clusters: [cluster.json] },
};

describe('bootstrap files', () => {
  test('as any JSON', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => isNamed(await parseBootstrap(JSON.stringify(value)))),
      { numRuns: 300 },
    );
  });

  test('as a good file with a few changes', async () => {
    await fc.assert(
      fc.asyncProperty(changes, async (list) =>
        isNamed(await parseBootstrap(JSON.stringify(mutate(aBootstrap, list)))),
      ),
      { numRuns: 60 },
    );
  });

  test('as any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), async (text) =>
        isNamed(await parseBootstrap(text)),
      ),
      { numRuns: 300 },
    );
  });
});

const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: orders, namespace: shop}
spec:
  hosts: [orders]
  http:
  - match: [{uri: {prefix: /}}]
    route:
    - destination: {host: orders, subset: v1}
      weight: 90
    - destination: {host: orders, subset: v2}
      weight: 10
    timeout: 3s
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec: {selector: {app: orders}, ports: [{port: 80, name: http}]}
`;
const yaml = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.constantFrom(
        'a: ',
        '- ',
        '&x ',
        '*x',
        '<<: ',
        '---\n',
        '\n',
        '  ',
        '{',
        '}',
        '[',
        ']',
        '"',
        '|\n',
        '!!js ',
        ': ',
        '\t',
        '# ',
        '%YAML 9\n',
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join('')),
  fc
    .array(
      fc.record({ at: fc.nat({ max: good.length }), drop: fc.nat({ max: 6 }), put: fc.string({ maxLength: 3 }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    )
    .map((list) => list.reduce((text, { at, drop, put }) => text.slice(0, at) + put + text.slice(at + drop), good)),
);

describe('YAML', () => {
  test('as any text: each document is read or fails with file and line', () => {
    fc.assert(
      fc.property(yaml, (text) => {
        for (const read of parseYamlDocuments(text, 'a.yaml')) {
          assert.equal(read.fileName, 'a.yaml');
          assert.ok(Number.isInteger(read.line) && read.line >= 1, String(read.line));
          if (!isDocument(read)) {
            assert.ok(read.problems.length > 0);
            continue;
          }
          isNamed(parseResource(read.value));
          isNamed(parseMeshConfig(read.value));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('aliases cannot make much of little', async () => {
    const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`);
    const bomb = ['a0: &a0 x', ...levels].join('\n');
    const [read] = parseYamlDocuments(bomb, 'bomb.yaml');
    assert.equal(read === undefined || isDocument(read), false);
    const bootstrap = await parseBootstrap(bomb);
    isNamed(bootstrap);
    assert.equal(bootstrap.ok, false);
  });
});

const flags = [
  '--config-dir',
  '--xds-tls',
  '--xds-plaintext',
  '--admin',
  '--grace-seconds',
  '--log-level',
  '--ca-cert',
  '--ca-key',
  '--data-dir',
  '--help',
];
const sidecarFlags = [
  '--config-path',
  '--control-plane',
  '--ca-cert',
  '--name',
  '--labels',
  '--inbound',
  '--probe',
  '--admin',
  '--readiness',
  '--drain-seconds',
  '--locality',
  '--interception',
  '--http-proxy-port',
  '--register',
];
const commandLine = (known: readonly string[]) =>
  fc.array(
    fc.oneof(
      fc.constantFrom(...known),
      fc.string(),
      fc.constantFrom('127.0.0.1:80', '[::1]:80', 'a=b', '80:81', '{}', '{', '-1', ''),
    ),
    { maxLength: 8 },
  );

test('flags of the control plane, whatever they are', () => {
  fc.assert(
    fc.property(commandLine(flags), (args) => isNamed(parseControlPlane(args))),
    { numRuns: 500 },
  );
});

test('flags of the sidecar, whatever they are', () => {
  fc.assert(
    fc.property(commandLine(sidecarFlags), (args) => isNamed(parseSidecar(args, {}))),
    { numRuns: 500 },
  );
});
