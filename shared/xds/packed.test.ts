import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMeshError } from '#shared/runtime/mesh-error.ts';
import { encodeMessage } from './codec.ts';
import { packedBytes, packMessage, unpackMessage } from './packed.ts';
import { typeUrls } from './type-urls.ts';

test('a packed message is the one that it was, octets of every value and names beyond Latin-1 too', () => {
  const message = { '@type': typeUrls.cluster, name: 'grüße\u0000\u2028語', connect_timeout: '1.500s' };
  const bytes = encodeMessage(message);
  const packed = packMessage(message['@type'], bytes);
  assert.deepEqual(packedBytes(packed), bytes);
  assert.deepEqual(unpackMessage(packed), message);
  const all = Uint8Array.from({ length: 256 }, (_, octet) => octet);
  assert.deepEqual([...packedBytes(packMessage('', all))], [...all]);
});

test('what is packed does not change with the bytes that it came in', () => {
  const arrived = Buffer.from('..abc..');
  const packed = packMessage('', arrived.subarray(2, 5));
  arrived.fill(0);
  assert.equal(packedBytes(packed).toString(), 'abc');
});

test('bytes that are no message are told when they are unpacked', () => {
  const packed = packMessage(typeUrls.cluster, Buffer.from([0xff]));
  assert.throws(
    () => unpackMessage(packed),
    (error) => isMeshError(error, 'protocol'),
  );
});
