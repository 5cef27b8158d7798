import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead } from '../http1/message.ts';
import type { UpstreamHttp } from '../snapshot/cluster.ts';
import { lacksAuthority, protocolFor } from './upstream-protocol.ts';

const sent = (protocol: UpstreamHttp['protocol'], version: RequestHead['version'], upgrade: string | null = null) =>
  protocolFor({ protocol } as UpstreamHttp, { version, upgrade, authority: 'a' } as RequestHead);

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

test('without an authority a request stays HTTP/1.1, or cannot be sent to a cluster of HTTP/2', () => {
  const ask = (protocol: UpstreamHttp['protocol'], authority: string) => {
    const [http, request] = [
      { protocol } as UpstreamHttp,
      { version: 'HTTP/1.1', upgrade: null, authority } as RequestHead,
    ];
    return [protocolFor(http, request), lacksAuthority(http, request)];
  };
  assert.deepEqual(
    [ask('http1', ''), ask('auto', '')],
    [
      ['http1', false],
      ['http1', false],
    ],
  );
  assert.deepEqual(
    [ask('http2', ''), ask('http2', 'a')],
    [
      ['http2', true],
      ['http2', false],
    ],
  );
});
