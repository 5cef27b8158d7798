import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseYamlDocuments } from './yaml-documents.ts';
import { claimedKey, isKnownKind, parseResource, unhonouredKindCode, unknownKindCode } from './parse.ts';
import type { Problem, Result } from '../runtime/result.ts';

const corpora = new URL('../../test/corpora/', import.meta.url);

function problemsOf(result: Result<unknown>): readonly Problem[] {
  return result.ok ? [] : result.problems;
}

function errorsOf(document: unknown): readonly string[] {
  return problemsOf(parseResource(document))
    .filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${path}: ${message}`);
}

function valuesIn(file: URL | string): readonly unknown[] {
  return parseYamlDocuments(readFileSync(file, 'utf8'), String(file)).map((read) => {
    assert.ok('value' in read, `${String(file)} has a document that is no YAML`);
    return read.value;
  });
}

/** Takes `_err` out of a document of the corpus. */
function splitExpectation(value: unknown): [document: Record<string, unknown>, expected: string] {
  const { _err: expected, ...document } = value as Record<string, unknown>;
  return [document, String(expected)];
}

function isOurs(document: unknown): boolean {
  return !problemsOf(parseResource(document)).some(({ code }) => code === unhonouredKindCode);
}

test('takes every document that Istio takes', () => {
  const documents = valuesIn(new URL('istio-validation/valid.yaml', corpora)).filter(isOurs);
  assert.equal(documents.length, 8);
  for (const document of documents) assert.deepEqual(problemsOf(parseResource(document)), []);
});

test('refuses every document that Istio refuses, naming the same field or reason', () => {
  const documents = valuesIn(new URL('istio-validation/invalid.yaml', corpora))
    .map(splitExpectation)
    .filter(([document]) => isOurs(document));
  assert.equal(documents.length, 16);
  for (const [document, expected] of documents) {
    const errors = errorsOf(document);
    // `spec.hosts: Required value` and `spec.x in body should ...` name a field, all else is a reason.
    const [field = expected] = /^spec\S*?(?=:| in body)/.exec(expected) ?? [];
    const reason = expected.replace(/ from$/, '');
    assert.ok(
      errors.some((error) => error.startsWith(`${field}:`) || error.includes(reason)),
      `${expected} is not among ${errors.join('; ')}`,
    );
  }
});

test('takes every resource of the samples that is of a kind it reads', () => {
  const files = globSync('**/*.yaml', { cwd: new URL('istio-samples', corpora) });
  const documents = files.flatMap((file) => valuesIn(new URL(`istio-samples/${file}`, corpora)));
  const ours = documents.filter((document) => isKnownKind(document) && isOurs(document));
  assert.equal(ours.length, 105);
  for (const document of ours) assert.deepEqual(problemsOf(parseResource(document)), [], JSON.stringify(document));
});

test('tells kinds that are not honoured yet from unknown ones', () => {
  const codeOf = (apiVersion: string, kind: string) => problemsOf(parseResource({ apiVersion, kind }))[0]?.code;
  assert.equal(codeOf('apps/v1', 'Deployment'), unhonouredKindCode);
  assert.equal(codeOf('v1', 'Secret'), unhonouredKindCode);
  assert.equal(codeOf('gateway.networking.k8s.io/v1', 'HTTPRoute'), unhonouredKindCode);
  assert.equal(codeOf('security.istio.io/v1', 'AuthorizationPolicy'), unhonouredKindCode);
  assert.equal(codeOf('networking.istio.io/v2', 'VirtualService'), unknownKindCode);
  assert.equal(codeOf('example.com/v1', 'Thing'), unknownKindCode);
  assert.equal(codeOf('v1', 'constructor'), unknownKindCode);
  assert.equal(codeOf('v1', '__proto__'), unknownKindCode);
  assert.equal(isKnownKind({ apiVersion: 'apps/v1', kind: 'Deployment' }), true);
  assert.equal(isKnownKind({ apiVersion: 'example.com/v1', kind: 'Thing' }), false);
  assert.match(errorsOf({ apiVersion: 'networking.istio.io/v2', kind: 'Sidecar' })[0] ?? '', /read as networking/);
});

test('says what a document lacks to be a resource', () => {
  assert.deepEqual(errorsOf(null), [': is not a resource: it must be an object']);
  assert.deepEqual(errorsOf({}), ['apiVersion: is required, must be a string', 'kind: is required, must be a string']);
  assert.deepEqual(errorsOf({ apiVersion: 'networking.istio.io/v1', kind: 'Sidecar', metadata: { name: 'a_b' } }), [
    'metadata.name: "a_b" is not a name, must be DNS labels in small letters with dots between',
    'spec: is required',
  ]);
});

test('reports every problem at once, each with its path', () => {
  const document = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'reviews', lables: {} },
    spec: {
      hosts: ['reviews'],
      http: [
        {
          match: [{ uri: { exact: '/a', prefix: '/b' }, port: 'x' }, null],
          timeout: '0s',
          route: [{ destination: { host: 1 }, wieght: 3 }, {}],
          retries: { attempts: 2, retryOn: '5xx,sometimes' },
        },
      ],
    },
    extra: 1,
  };
  assert.deepEqual([...errorsOf(document)].sort(), [
    'extra: is not a known field; known here: apiVersion, kind, metadata, spec, status',
    'metadata.lables: is not a known field; perhaps labels is meant',
    'spec.http[0].match[0].port: is a string, must be an integer',
    'spec.http[0].match[0].uri: exact and prefix exclude each other, set one of them',
    'spec.http[0].match[1]: is null, must be an object',
    'spec.http[0].retries.retryOn: "sometimes" is not a valid retryOn policy',
    'spec.http[0].route: total destination weight = 0, give at least one of them a weight',
    'spec.http[0].route[0].destination.host: is 1, must be a string',
    'spec.http[0].route[0].wieght: is not a known field; perhaps weight is meant',
    'spec.http[0].route[1].destination: is required',
    'spec.http[0].timeout: duration must be greater than 1ms: must be a valid duration greater than 1ms',
  ]);
});

test('gives a frozen copy without nulls, and the namespace default', () => {
  const document = {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'DestinationRule',
    metadata: { name: 'reviews', creationTimestamp: null },
    spec: { host: 'reviews', trafficPolicy: null, subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
  };
  const result = parseResource(document);
  assert.ok(result.ok);
  assert.deepEqual(result.value, {
    kind: 'DestinationRule',
    apiVersion: 'networking.istio.io/v1beta1',
    metadata: { name: 'reviews', namespace: 'default', labels: {}, annotations: {} },
    spec: { host: 'reviews', subsets: [{ name: 'v1', labels: { version: 'v1' } }] },
  });
  assert.ok(Object.isFrozen(result.value.spec) && Object.isFrozen(result.value.metadata));
  document.spec.subsets = [];
  assert.equal((result.value.spec as typeof document.spec).subsets.length, 1);
});

test('TLS and TCP routes are honoured, but for matches that no sidecar can make', () => {
  const route = [{ destination: { host: 'a.com' } }];
  const tls = [{ match: [{ port: 443, sniHosts: ['a.com'], destinationSubnets: ['10.0.0.0/8'] }], route }];
  const tcp = [{ match: [{ port: 443, sourceLabels: { app: 'a' }, sourceSubnet: '10.0.0.0/8' }], route }];
  const identity = { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'a' } };
  const result = parseResource({ ...identity, spec: { hosts: ['a.com'], tls, tcp } });
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ path }) => path),
    ['spec.tcp[0].match[0].sourceSubnet'],
  );
});

test('warns by name of what is valid but not honoured', () => {
  const result = parseResource({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'reviews' },
    spec: {
      hosts: ['reviews'],
      gateways: ['mesh', 'front'],
      http: [{ route: [{ destination: { host: 'reviews' } }], retries: { attempts: 1, retryRemoteLocalities: true } }],
    },
  });
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ path, code }) => [path, code]),
    [
      ['spec.gateways[1]', 'TUL0103'],
      ['spec.http[0].retries.retryRemoteLocalities', 'TUL0103'],
    ],
  );
});

test('takes a PeerAuthentication that says nothing', () => {
  const result = parseResource({
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'x' },
  });
  assert.ok(result.ok);
  assert.deepEqual(result.value.spec, {});
});

test('parses a thousand VirtualServices in well under a second', () => {
  const route = [
    { destination: { host: 'reviews', subset: 'v2' }, weight: 90 },
    { destination: { host: 'reviews' }, weight: 10 },
  ];
  const http = [
    { match: [{ uri: { prefix: '/api' } }], route, timeout: '5s', retries: { attempts: 3, retryOn: '5xx' } },
    { route },
  ];
  const document = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'x' },
    spec: { hosts: ['x'], http },
  };
  const start = performance.now();
  for (let count = 0; count < 1000; count++) assert.ok(parseResource(document).ok);
  assert.ok(performance.now() - start < 1000);
});

test('keeps of the conditions of a WorkloadEntry its health alone', () => {
  const parse = (...conditions: readonly object[]) => {
    const result = parseResource({
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: 'vm' },
      spec: { address: '10.0.0.1' },
      status: { conditions },
    });
    assert.ok(result.ok && result.value.kind === 'WorkloadEntry');
    return result.value.status;
  };
  const accepted = { type: 'Accepted', status: 'True' };
  assert.deepEqual(parse({ type: 'Healthy', status: 'False', lastProbeTime: null }, accepted), {
    conditions: [{ type: 'Healthy', status: 'False' }],
  });
  assert.equal(parse(accepted), undefined);
});

test('tells the key that a document claims, right or wrong', () => {
  assert.equal(claimedKey({ kind: 'Sidecar', metadata: { name: 'a', namespace: 'b' }, spec: 1 }), 'Sidecar/b/a');
  assert.equal(claimedKey({ kind: 'Sidecar', metadata: { name: 'a' } }), 'Sidecar/default/a');
  assert.equal(claimedKey({ kind: 'Sidecar' }), null);
  assert.equal(claimedKey('Sidecar'), null);
});

test('never lets a document reach a prototype', () => {
  const document: unknown = JSON.parse(
    '{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","labels":{"__proto__":"x"}},"spec":{"ports":[{"port":1}]}}',
  );
  const result = parseResource(document);
  assert.equal(result.ok, false);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});
