import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { seededRandom } from '#shared/runtime/random.ts';
import { decodeMessage, encodeMessage, readTypedJson } from './codec.ts';
import { parseProtos } from './proto-parser.ts';
import { messageShape, packDescriptor, useDescriptorFile } from './protos.ts';
import { typeUrls } from './type-urls.ts';
import type { TypedMessage, TypedValue } from './typed.ts';
import { contentVersion, setVersion } from './version.ts';

const any = (name: string) => `type.googleapis.com/${name}`;

const dumpPath = (file: string) => new URL(`../../test/corpora/xds-dumps/${file}`, import.meta.url);

function roundTrip(message: TypedMessage): TypedMessage {
  return decodeMessage(message['@type'], encodeMessage(message));
}

function read(input: unknown, typeUrl: string): TypedMessage {
  const result = readTypedJson(input, typeUrl, 'r');
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function problemsOf(input: unknown, typeUrl: string): string[] {
  const result = readTypedJson(input, typeUrl, 'r');
  assert.ok(!result.ok);
  return result.problems.map(({ path, message }) => `${path}: ${message}`);
}

function messagesIn(value: unknown): TypedMessage[] {
  if (typeof value !== 'object' || value === null) return [];
  const type = (value as Record<string, unknown>)['@type'];
  if (typeof type === 'string' && !type.includes('envoy.admin')) return [value as TypedMessage];
  return Object.values(value).flatMap(messagesIn);
}

for (const file of ['match-path-client.json', 'authz-allow-basics-server.json']) {
  test(`every resource of a real proxy survives the way to the wire and back: ${file}`, () => {
    // Envoy prints 64-bit integers as text; the typed form has numbers.
    const dump: unknown = JSON.parse(
      readFileSync(dumpPath(file), 'utf8').replaceAll(/(_max_attempts": )"(\d+)"/g, '$1$2'),
    );
    const messages = messagesIn(dump);
    assert.ok(messages.length > 30);
    for (const message of messages) {
      assert.deepEqual(read(message, message['@type']), message);
      assert.deepEqual(roundTrip(message), message);
    }
  });
}

test('reads both spellings of names, enums by number, and wrappers, and leaves defaults out', () => {
  const cluster = read(
    {
      name: 'c',
      connectTimeout: '0.25s',
      lb_policy: 1,
      type: 'STATIC',
      perConnectionBufferLimitBytes: '32768',
      alt_stat_name: '',
      dns_lookup_family: 'AUTO',
      health_checks: [],
    },
    typeUrls.cluster,
  );
  assert.deepEqual(cluster, {
    '@type': typeUrls.cluster,
    name: 'c',
    connect_timeout: '0.250s',
    lb_policy: 'LEAST_REQUEST',
    type: 'STATIC',
    per_connection_buffer_limit_bytes: 32768,
  });
  assert.deepEqual(roundTrip(cluster), cluster);
});

test('the text "0" is not the default of anything', () => {
  const rewrite = { pattern: { regex: 'o' }, substitution: '0' };
  const headers: TypedMessage = {
    '@type': typeUrls.routes,
    name: '0',
    request_headers_to_add: [{ header: { key: 'x', value: '0' } }],
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: '0', regex_rewrite: rewrite } }],
      },
    ],
  };
  assert.deepEqual(read(headers, typeUrls.routes), headers);
  assert.deepEqual(roundTrip(headers), headers);
});

test('keeps the presence of a oneof member, a message and a wrapper that are at their default', () => {
  const routes: TypedMessage = {
    '@type': typeUrls.routes,
    validate_clusters: false,
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '' }, route: { cluster: '' } }] }],
    name: 'r',
    vhds: {},
  };
  assert.deepEqual(roundTrip(routes), routes);
});

test('the same content gives the same bytes, whatever the order of its fields and keys', () => {
  const metadata = (filters: { [name: string]: TypedValue }): TypedMessage => ({
    '@type': any('envoy.config.core.v3.Metadata'),
    filter_metadata: filters,
  });
  assert.deepEqual(
    encodeMessage(metadata({ b: { y: 1, x: null }, a: {} })),
    encodeMessage(metadata({ a: {}, b: { x: null, y: 1 } })),
  );
});

test('carries Struct, 64-bit integers, floats and bytes without loss', () => {
  const struct: TypedMessage = {
    '@type': any('udpa.type.v1.TypedStruct'),
    type_url: 'x',
    value: { list: [1, 'a', null, [true], {}], nested: { number: -1.5, none: null } },
  };
  assert.deepEqual(roundTrip(struct), struct);
  const constant = (value: TypedValue, field: string): TypedMessage => ({
    '@type': any('google.api.expr.v1alpha1.Constant'),
    [field]: value,
  });
  for (const [value, field] of [
    ['18446744073709551615', 'uint64_value'],
    ['-9223372036854775808', 'int64_value'],
    [-5, 'int64_value'],
    [9007199254740991, 'uint64_value'],
    ['AAEC/w==', 'bytes_value'],
    ['NaN', 'double_value'],
    ['0.000001s', 'duration_value'],
    ['-1.500s', 'duration_value'],
    ['2026-01-02T03:04:05.600Z', 'timestamp_value'],
  ] as const) {
    assert.deepEqual(roundTrip(constant(value, field)), constant(value, field));
    assert.deepEqual(read(constant(value, field), any('google.api.expr.v1alpha1.Constant')), constant(value, field));
  }
  const float: TypedMessage = { '@type': any('google.protobuf.FloatValue'), value: 0.1 };
  assert.deepEqual(roundTrip(float), float);
});

test('a key named __proto__ is a key like any other', () => {
  const metadata = read(
    JSON.parse('{"filter_metadata": {"__proto__": {"__proto__": 1}}}'),
    any('envoy.config.core.v3.Metadata'),
  );
  assert.deepEqual(roundTrip(metadata), metadata);
  assert.match(JSON.stringify(roundTrip(metadata)), /"__proto__":\{"__proto__":1\}/);
});

test('an Any of an unknown type keeps its bytes', () => {
  const unknown = { '@type': any('acme.Secret'), value: 'AAEC' };
  const filter: TypedMessage = {
    '@type': any('envoy.config.core.v3.TypedExtensionConfig'),
    name: 'f',
    typed_config: unknown,
  };
  assert.deepEqual(roundTrip(filter), filter);
  assert.deepEqual(encodeMessage(unknown), Buffer.from([0, 1, 2]));
  assert.deepEqual(roundTrip(unknown), unknown);
});

test('refuses unknown fields, values and types, each by its path, all at once', () => {
  const filter = { name: 'f', typed_config: { '@type': any('acme.Filter') } };
  assert.deepEqual(
    problemsOf(
      {
        name: 1,
        adress: {},
        traffic_direction: 'SIDEWAYS',
        filter_chains: [{ filters: [filter] }, { transport_socket_connect_timeout: 5 }],
      },
      typeUrls.listener,
    ),
    [
      'r.name: expected a string, got 1',
      'r.adress: envoy.config.listener.v3.Listener has no such field',
      'r.traffic_direction: expected one of UNSPECIFIED, INBOUND, OUTBOUND, got "SIDEWAYS"',
      'r.filter_chains[0].filters[0].typed_config.@type: the message type acme.Filter is not known',
      'r.filter_chains[1].transport_socket_connect_timeout: expected a duration such as "1.5s", got 5',
    ],
  );
});

test('refuses two members of a oneof, and one field under both of its names', () => {
  assert.deepEqual(
    problemsOf(
      { prefix: '/', path: '/a', caseSensitive: true, case_sensitive: true },
      any('envoy.config.route.v3.RouteMatch'),
    ),
    ['r.path: only one of prefix and path can be set', 'r.case_sensitive: case_sensitive is there twice'],
  );
});

test('refuses a message of another type, and what is no message', () => {
  assert.deepEqual(problemsOf({ '@type': typeUrls.listener }, typeUrls.cluster), [
    `r.@type: expected ${typeUrls.cluster}, got ${typeUrls.listener}`,
  ]);
  assert.deepEqual(problemsOf([], typeUrls.cluster), ['r: expected a message, got a list']);
});

test('refuses integers out of range', () => {
  const [problem] = problemsOf({ port_value: 2 ** 32 }, any('envoy.config.core.v3.SocketAddress'));
  assert.equal(problem, 'r.port_value: expected an integer from 0 to 4294967295, got 4294967296');
});

test('malformed bytes are a protocol error', () => {
  for (const bytes of [[0x0a, 0x7f], [0xff], [0x0a, 0x02, 0x41]])
    assert.throws(
      () => decodeMessage(typeUrls.cluster, Buffer.from(bytes)),
      (error) => isMeshError(error, 'protocol'),
    );
});

test('bytes nested without end are refused, not a stack overflow', () => {
  let list: TypedValue = [];
  for (let depth = 0; depth < 80; depth++) list = [list];
  const nested: TypedMessage = { '@type': any('google.protobuf.ListValue'), value: list };
  assert.throws(
    () => roundTrip(nested),
    (error) => isMeshError(error, 'protocol') && /nested deeper/.test(String(error.cause)),
  );
});

test('bytes that were damaged on the way are refused or read as something else, but break nothing', () => {
  const random = seededRandom(7);
  const [intact] = messagesIn(JSON.parse(readFileSync(dumpPath('match-path-client.json'), 'utf8')));
  const bytes = encodeMessage(read(intact, intact!['@type']));
  for (let round = 0; round < 5_000; round++) {
    const damaged = Buffer.from(bytes.subarray(0, Math.ceil(random() * bytes.length)));
    for (let changes = 0; changes < 3; changes++)
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
    try {
      decodeMessage(intact!['@type'], damaged);
    } catch (error) {
      assert.ok(isMeshError(error, 'protocol'), String(error));
    }
  }
});

test('a message that does not fit its type is an error of the program', () => {
  assert.throws(() => encodeMessage({ '@type': typeUrls.cluster, nam: 'x' }), /has no field nam/);
  assert.throws(
    () => encodeMessage({ '@type': typeUrls.cluster, connectTimeout: '1s' }),
    /has no field connectTimeout/,
  );
  assert.throws(() => encodeMessage({ '@type': typeUrls.cluster, name: 5 }), /expected a string/);
});

test('the descriptor is what the protos say (else: node shared/xds/pack-protos.ts)', () => {
  assert.deepEqual(packDescriptor(), parseProtos());
});

test('works from the descriptor in another file as from its own', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-descriptor-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(packDescriptor()));
  const before = messageShape('envoy.config.cluster.v3.Cluster');
  useDescriptorFile(pathToFileURL(file));
  assert.deepEqual(messageShape('envoy.config.cluster.v3.Cluster'), before);
  assert.equal(messageShape('constructor'), undefined);
});

test('versions follow the content, and a set has one version in whatever order', () => {
  assert.equal(contentVersion(Buffer.from('a')), contentVersion(Buffer.from('a')));
  assert.notEqual(contentVersion(Buffer.from('a')), contentVersion(Buffer.from('b')));
  const one = new Map([
    ['a', '1'],
    ['b', '2'],
  ]);
  assert.equal(setVersion(one), setVersion(new Map([...one].reverse())));
  assert.notEqual(setVersion(one), setVersion(new Map([['a', '1']])));
});
