import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOf } from '../telemetry/heads.fixture.ts';
import type { LocalReply } from './filter.ts';
import { grpcStatusOf, httpStatusOfGrpc, settleContentType, toResponse } from './local-response.ts';

const aReply = (fields: Partial<LocalReply> = {}): LocalReply => ({
  status: 503,
  body: 'no healthy upstream',
  headers: [],
  flag: '',
  details: '',
  grpcStatus: null,
  ...fields,
});

test('a plain reply has a text body of known length', () => {
  const { head, body } = toResponse(aReply({ headers: [['x-a', 'b']] }), false);
  assert.deepEqual(fieldsOf(head), { 'x-a': 'b' });
  assert.deepEqual([head.status, head.contentLength, body.toString()], [503, 19, 'no healthy upstream']);
});

test('its own content type stands', () => {
  const { head } = toResponse(aReply({ headers: [['content-type', 'application/json']] }), false);
  assert.equal(head.headers.get('content-type'), 'application/json');
});

test('no body where the status forbids one', () => {
  for (const status of [204, 304]) {
    const { head, body } = toResponse(aReply({ status }), false);
    assert.deepEqual([head.contentLength, body.length, head.headers.size], [0, 0, 0]);
  }
});

test('a gRPC reply is 200 with status and message in headers, octets outside of ASCII encoded', () => {
  const { head, body } = toResponse(aReply({ body: 'größe: 100%\n' }), true);
  assert.deepEqual(fieldsOf(head), {
    'grpc-status': '14',
    'grpc-message': 'gr%C3%B6%C3%9Fe: 100%25%0A',
  });
  assert.deepEqual([head.status, body.length], [200, 0]);
});

test('a status of its own wins over the mapped one', () => {
  const { head } = toResponse(aReply({ grpcStatus: 7, body: '' }), true);
  assert.deepEqual(fieldsOf(head), { 'grpc-status': '7' });
});

test('the content type is settled after all rules for headers: text, unless another was named or there is no body', () => {
  const typeAfter = (
    reply: LocalReply,
    isGrpc: boolean,
    change?: (head: ReturnType<typeof toResponse>['head']) => void,
  ) => {
    const { head } = toResponse(reply, isGrpc);
    change?.(head);
    settleContentType(head, isGrpc);
    return head.headers.get('content-type');
  };
  assert.equal(typeAfter(aReply(), false), 'text/plain');
  assert.equal(
    typeAfter(aReply(), false, ({ headers }) => headers.remove('content-type')),
    'text/plain',
  );
  assert.equal(
    typeAfter(aReply(), false, ({ headers }) => headers.add('content-type', 'text/html')),
    'text/html',
  );
  assert.equal(
    typeAfter(aReply({ body: '' }), false, ({ headers }) => headers.add('content-type', 'text/html')),
    undefined,
  );
  assert.equal(typeAfter(aReply(), true), 'application/grpc');
});

test('statuses are mapped as Envoy maps them', () => {
  const http = [200, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504];
  assert.deepEqual(http.map(grpcStatusOf), [2, 13, 16, 7, 12, 2, 14, 2, 14, 14, 14]);
  const grpc = Array.from({ length: 18 }, (_, code) => httpStatusOfGrpc(code));
  assert.deepEqual(grpc, [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401, 500]);
  assert.equal(httpStatusOfGrpc(Number.NaN), 500);
});
