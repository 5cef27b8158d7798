import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '../http1/message.ts';
import type { UpstreamHttp } from '../snapshot/cluster.ts';
import { protocolFor } from './upstream-protocol.ts';

const sent = (protocol: UpstreamHttp['protocol'], version: RequestHead['version'], upgrade: string | null = null) =>
  protocolFor({ protocol } as UpstreamHttp, { version, upgrade } as RequestHead);

test('a cluster of one version gets that version', () => {
  assert.deepEqual([sent('http2', 'HTTP/1.1'), sent('http2', 'HTTP/2', 'websocket')], ['http2', 'http2']);
  assert.deepEqual([sent('http1', 'HTTP/1.1'), sent('auto', 'HTTP/2')], ['negotiated', 'negotiated']);
});

test('a cluster may follow its client', () => {
  assert.deepEqual([sent('downstream', 'HTTP/2'), sent('downstream', 'HTTP/1.1')], ['http2', 'http1']);
});

test('an upgrade is not left to negotiation', () => {
  assert.deepEqual([sent('http1', 'HTTP/1.1', 'websocket'), sent('auto', 'HTTP/2', 'websocket')], ['http1', 'http1']);
});
