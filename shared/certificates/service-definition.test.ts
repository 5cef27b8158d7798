import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateServiceDefinition } from './service-definition.ts';

const method = certificateServiceDefinition['CreateCertificate']!;

test('the call has the name that Istio gives it', () => {
  assert.equal(method.path, '/istio.v1.auth.IstioCertificateService/CreateCertificate');
});

test('a request has the bytes of security/v1alpha1/ca.proto', () => {
  const csr = '0a03' + Buffer.from('PEM').toString('hex'); // csr = 1
  const validity = '1880a305'; // validity_duration = 3
  const metadata = '220a0a080a016b12031a0176'; // metadata = 4: { fields { key: "k" value { string_value: "v" } } }
  const bytes = Buffer.from(csr + validity + metadata, 'hex');
  const request = { csr: 'PEM', validityDuration: 86_400, metadata: { fields: { k: { stringValue: 'v' } } } };
  assert.deepEqual(method.requestSerialize(request), bytes);
  const decoded: unknown = method.requestDeserialize(bytes);
  assert.equal(JSON.stringify(decoded).includes('"validityDuration":86400'), true);
});

test('a response has the certificates as field 1', () => {
  assert.deepEqual(
    method.responseSerialize({ certChain: ['a', 'bc'] }),
    Buffer.from([0x0a, 1, 0x61, 0x0a, 2, 0x62, 0x63]),
  );
});
