import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJSON } from '@grpc/proto-loader';
import type { MethodDefinition } from '@grpc/grpc-js';
import { certificateService } from './service-definition.ts';

const method = certificateService.CreateCertificate;

test('the call has the name that Istio gives it', () => {
  assert.equal(method.path, '/istio.v1.auth.IstioCertificateService/CreateCertificate');
});

test('a request has the bytes of security/v1alpha1/ca.proto', () => {
  const csr = '0a03' + Buffer.from('PEM').toString('hex'); // csr = 1
  const validity = '1880a305'; // validity_duration = 3
  const metadata = '220a0a080a016b12031a0176'; // metadata = 4: { fields { key: "k" value { string_value: "v" } } }
  const bytes = Buffer.from(csr + validity + metadata, 'hex');
  const request = { csr: 'PEM', validityDuration: 86_400, metadata: new Map([['k', 'v']]) };
  assert.deepEqual(method.requestSerialize(request), bytes);
  assert.deepEqual(method.requestDeserialize(bytes), request);
});

test('a response has the certificates as field 1', () => {
  assert.deepEqual(
    method.responseSerialize({ certChain: ['a', 'bc'] }),
    Buffer.from([0x0a, 1, 0x61, 0x0a, 2, 0x62, 0x63]),
  );
});

/** The same messages as protobufjs knows them: a second opinion on every byte. */
const struct = {
  Struct: { fields: { fields: { keyType: 'string', type: 'Value', id: 1 } } },
  Value: {
    oneofs: {
      kind: { oneof: ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'] },
    },
    fields: {
      nullValue: { type: 'NullValue', id: 1 },
      numberValue: { type: 'double', id: 2 },
      stringValue: { type: 'string', id: 3 },
      boolValue: { type: 'bool', id: 4 },
      structValue: { type: 'Struct', id: 5 },
      listValue: { type: 'ListValue', id: 6 },
    },
  },
  NullValue: { values: { NULL_VALUE: 0 } },
  ListValue: { fields: { values: { rule: 'repeated', type: 'Value', id: 1 } } },
};

const auth = {
  IstioCertificateRequest: {
    fields: {
      csr: { type: 'string', id: 1 },
      validityDuration: { type: 'int64', id: 3 },
      metadata: { type: 'google.protobuf.Struct', id: 4 },
    },
  },
  IstioCertificateResponse: { fields: { certChain: { rule: 'repeated', type: 'string', id: 1 } } },
  IstioCertificateService: {
    methods: {
      CreateCertificate: { requestType: 'IstioCertificateRequest', responseType: 'IstioCertificateResponse' },
    },
  },
};

const root: unknown = {
  nested: {
    google: { nested: { protobuf: { nested: struct } } },
    istio: { nested: { v1: { nested: { auth: { nested: auth } } } } },
  },
};
const loaded = fromJSON(root as Parameters<typeof fromJSON>[0], {
  longs: Number,
  arrays: true,
  defaults: true,
  oneofs: false,
});
const { CreateCertificate: theirs } = loaded['istio.v1.auth.IstioCertificateService'] as Record<
  string,
  MethodDefinition<object, object>
>;
assert.ok(theirs !== undefined);

const requests = [
  { csr: '', validityDuration: 0, fields: {} },
  { csr: 'PEM of ünïcode', validityDuration: 60, fields: { ClusterID: { stringValue: 'one' } } },
  { csr: 'x', validityDuration: 2 ** 40, fields: { a: { stringValue: '' }, b: { stringValue: 'y'.repeat(300) } } },
  { csr: 'x', validityDuration: -1, fields: { '': { stringValue: 'no name' } } },
];

for (const { csr, validityDuration, fields } of requests)
  test(`a request goes both ways as protobufjs has it: ${JSON.stringify({ csr, validityDuration })}`, () => {
    const metadata = new Map(Object.entries(fields).map(([name, { stringValue }]) => [name, stringValue]));
    const request = { csr, validityDuration, metadata };
    const sent = { csr, validityDuration, ...(metadata.size > 0 && { metadata: { fields } }) };
    assert.deepEqual(method.requestDeserialize(theirs.requestSerialize(sent)), request);
    assert.deepEqual(theirs.requestDeserialize(method.requestSerialize(request)), {
      ...theirs.requestDeserialize(theirs.requestSerialize(sent)),
    });
  });

test('members that are no strings are there, without a value; unknown fields are passed over', () => {
  const fields = { odd: { numberValue: 1 }, list: { listValue: { values: [{ boolValue: true }] } }, none: {} };
  const bytes = Buffer.concat([theirs.requestSerialize({ metadata: { fields } }), Buffer.from('9a0602abcd', 'hex')]);
  const { metadata } = method.requestDeserialize(bytes);
  assert.deepEqual(metadata, new Map(Object.keys(fields).map((name) => [name, null])));
  assert.deepEqual(method.requestDeserialize(method.requestSerialize({ csr: '', validityDuration: 0, metadata })), {
    csr: '',
    validityDuration: 0,
    metadata,
  });
});

test('a response goes both ways', () => {
  const answer = { certChain: ['leaf', 'intermediate', 'root'] };
  assert.deepEqual(method.responseDeserialize(theirs.responseSerialize(answer)), answer);
  assert.deepEqual(theirs.responseDeserialize(method.responseSerialize(answer)), answer);
  assert.deepEqual(method.responseDeserialize(Buffer.alloc(0)), { certChain: [] });
});
