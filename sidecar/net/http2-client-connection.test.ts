import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderMap } from '../http1/header-map.ts';
import { aFrame, anAnswer, aSettings, dataFrame, headersFrame, resetFrame, u32 } from '../http2/session.fixture.ts';
import { aRequest, RecordedResponse } from './http1.fixture.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import { ClientRecorder } from './http2.fixture.ts';
import { aClient, FakePeer, turn } from './http2-peer.fixture.ts';

type Client = Awaited<ReturnType<typeof aClient>>['client'];

function open(client: Client, changes: Parameters<typeof aRequest>[0] = {}, end = true) {
  const answer = new RecordedResponse();
  const stream = client.open(answer);
  stream.sendHead(aRequest(changes), end);
  return { answer, stream };
}

describe('requests to a server', () => {
  it('have pseudo-headers first, and say nothing of a connection', async () => {
    const { peer, client } = await aClient();
    const headers = HeaderMap.from([
      ['Connection', 'x'],
      ['TE', 'trailers'],
      ['X-A', 'b'],
      ['content-length', '9'],
    ]);
    const { stream } = open(
      client,
      { method: 'POST', path: '/a?b', headers, contentLength: 3, expectsContinue: true },
      false,
    );
    stream.sendData(Buffer.from('abc'), true);
    open(client, { method: 'CONNECT', path: 'b:1', authority: 'b:1' });
    assert.deepEqual(await peer.heard(), [
      'HEADERS 1 :method=POST :scheme=http :authority=a :path=/a?b te=trailers x-a=b content-length=3 expect=100-continue',
      'DATA 1 abc END',
      'HEADERS 3 :method=CONNECT :authority=b:1',
    ]);
    assert.equal(client.requestCount, 2);
  });

  it('count as sent what the operating system took, and nothing before that', async () => {
    const { peer, client } = await aClient();
    const { stream } = open(client);
    assert.equal(stream.bytesSent, 0);
    await peer.frames();
    assert.ok(stream.bytesSent > 12);
  });

  it('of less than was declared are reset', async () => {
    const { peer, client } = await aClient();
    const { stream } = open(client, { contentLength: 3, method: 'PUT' }, false);
    stream.sendData(Buffer.from('ab'), true);
    assert.equal((await peer.heard()).at(-1), 'RST_STREAM 1 8');
  });

  it('are reset when given up, and forgotten when nothing was sent', async () => {
    const { peer, client } = await aClient();
    open(client).stream.abort();
    client.open(new RecordedResponse()).abort();
    assert.deepEqual((await peer.heard()).slice(1), ['RST_STREAM 1 8']);
    assert.equal(client.openStreams, 0);
  });
});

describe('answers of a server', () => {
  it('have the head of HTTP/1.1', async () => {
    const { peer, client } = await aClient();
    const [full, head, empty] = [open(client), open(client, { method: 'HEAD' }), open(client)];
    const length = ['content-length', '2'] as const;
    peer.send(
      headersFrame(1, [[':status', '103']], false),
      headersFrame(1, [...anAnswer, length, ['x-a', 'b']], false),
      dataFrame(1, 'ab', true),
      headersFrame(3, [...anAnswer, length]),
      headersFrame(5, [
        [':status', '204'],
        ['content-length', '0'],
      ]),
    );
    assert.deepEqual(full.answer.informational, [103]);
    assert.deepEqual([full.answer.body, full.answer.hasEnded], ['ab', true]);
    const { headers, ...rest } = full.answer.head!;
    assert.deepEqual(rest, { status: 200, reason: '', version: 'HTTP/2', contentLength: 2, upgrade: null });
    assert.deepEqual(headers.entries(), [length, ['x-a', 'b']]);
    assert.deepEqual([head.answer.head?.contentLength, head.answer.hasEnded], [2, true]);
    assert.deepEqual([empty.answer.head?.contentLength, empty.answer.head?.headers.size], [0, 0]);
  });

  it('tell why there is none', async () => {
    const { peer, client } = await aClient();
    const all = [open(client), open(client), open(client), open(client)].map(({ answer }) => answer);
    peer.send(resetFrame(1, 7), resetFrame(3, 2), headersFrame(5, [['a', 'b']]));
    peer.connection.receiveEnd();
    assert.deepEqual(
      all.map(({ aborted }) => aborted?.kind),
      ['refused', 'streamReset', 'protocolError', 'connectionClosed'],
    );
  });
});

describe('upgrades to a server of HTTP/2', () => {
  const upgrade = { upgrade: 'WebSocket', headers: HeaderMap.from([['sec-websocket-key', 'x']]) };

  it('are extended CONNECT, and a 200 to it is a 101', async () => {
    const { peer, client } = await aClient({}, [8, 1]);
    const { answer, stream } = open(client, upgrade);
    assert.deepEqual(await peer.heard(), [
      'HEADERS 1 :method=CONNECT :scheme=http :authority=a :path=/ :protocol=websocket sec-websocket-key=x',
    ]);
    peer.send(headersFrame(1, anAnswer, false), dataFrame(1, 'in'));
    assert.deepEqual([answer.head?.status, answer.head?.upgrade, answer.body], [101, 'WebSocket', 'in']);
    stream.sendData(Buffer.from('out'), true);
    assert.deepEqual(await peer.heard(), ['DATA 1 out END']);
    peer.send(dataFrame(1, '', true));
    assert.deepEqual([answer.hasEnded, answer.aborted], [true, null]);
  });

  it('that are refused are answered like any request', async () => {
    const { peer, client } = await aClient({}, [8, 1]);
    const { answer } = open(client, upgrade);
    peer.send(headersFrame(1, [[':status', '403']]));
    assert.deepEqual([answer.head?.status, answer.hasEnded], [403, true]);
    assert.equal((await peer.heard()).at(-1), 'DATA 1  END');
  });

  it('wait for the SETTINGS of the server, and other requests do not wait for them', async () => {
    const peer = new FakePeer();
    const client = new Http2ClientConnection(peer.connection, new ClientRecorder(), peer.setup);
    const { answer, stream } = open(client, upgrade);
    assert.equal(stream.sendData(Buffer.from('early'), false), false);
    open(client, { path: '/other' });
    assert.deepEqual((await peer.heard()).slice(1), [
      '8 0',
      'HEADERS 3 :method=GET :scheme=http :authority=a :path=/other END',
    ]);
    assert.equal(client.activeStreams, 2);
    peer.send(aSettings([8, 1]));
    assert.deepEqual((await peer.heard()).slice(1), [
      'HEADERS 5 :method=CONNECT :scheme=http :authority=a :path=/ :protocol=websocket sec-websocket-key=x',
      'DATA 5 early',
    ]);
    assert.equal(answer.writable, 1);
    peer.send(headersFrame(5, anAnswer, false));
    assert.equal(answer.head?.status, 101);
  });

  it('that wait hear of a server that does not take them, and of the end', async () => {
    const peer = new FakePeer();
    const client = new Http2ClientConnection(peer.connection, new ClientRecorder(), peer.setup);
    const first = open(client, upgrade).answer;
    peer.send(aSettings());
    await turn();
    assert.equal(first.aborted?.kind, 'protocolError');
    const lonely = new FakePeer();
    const other = new Http2ClientConnection(lonely.connection, new ClientRecorder(), lonely.setup);
    const second = open(other, upgrade).answer;
    lonely.connection.closeWith(null);
    assert.equal(second.aborted?.kind, 'connectionClosed');
  });

  it('are not sent to one that has not offered it', async () => {
    const { peer, client } = await aClient();
    const { answer } = open(client, upgrade);
    await turn();
    assert.equal(answer.aborted?.kind, 'protocolError');
    assert.deepEqual(await peer.heard(), []);
  });
});

describe('a client connection', () => {
  it('has the capacity that both sides allow, and tells when there is some again', async () => {
    const { peer, client, handler } = await aClient({ maxConcurrentStreams: 2 }, [3, 5]);
    assert.equal(client.capacity, 2);
    open(client);
    open(client);
    assert.equal(client.capacity, 0);
    const before = handler.capacity;
    peer.send(headersFrame(1, anAnswer));
    assert.deepEqual([client.capacity, handler.capacity - before], [1, 1]);
  });

  it('takes no more after GOAWAY: what the server did not see is refused, the rest is done, then it closes', async () => {
    const { peer, client, handler } = await aClient();
    const [first, second] = [open(client), open(client)];
    peer.send(aFrame(7, 0, 0, u32(1, 0)));
    assert.deepEqual([client.capacity, second?.answer.aborted], [0, { kind: 'refused' }]);
    assert.equal(client.isClosed, false);
    peer.send(headersFrame(1, anAnswer));
    assert.deepEqual([first?.answer.hasEnded, client.isClosed], [true, true]);
    assert.equal((await peer.heard()).at(-1), 'GOAWAY 0 0');
    peer.connection.closeWith(null);
    assert.equal(handler.closed, 1);
  });

  it('closes at once when it drains and nothing is under way', async () => {
    const { peer, client } = await aClient();
    client.drain();
    assert.deepEqual([client.isClosed, client.capacity, peer.connection.hasEnded], [true, 0, true]);
  });

  it('fails what is under way when it is closed', async () => {
    const { client, handler } = await aClient();
    const { answer } = open(client);
    client.close();
    assert.deepEqual([answer.aborted, handler.closed], [{ kind: 'localClose' }, 1]);
  });

  it('that the server has closed gives the rest of a whole answer to who reads it slowly, and of no other', async () => {
    for (const error of [null, new Error('ECONNRESET')]) {
      const { peer, client, handler } = await aClient();
      const [whole, part] = [open(client), open(client)];
      peer.send(headersFrame(1, anAnswer, false), headersFrame(3, anAnswer, false));
      for (const { stream } of [whole, part]) stream.pauseResponse();
      peer.send(dataFrame(1, 'ab'), dataFrame(3, 'ab'), headersFrame(1, [['t', 'u']]));
      if (error === null) peer.connection.receiveEnd();
      peer.connection.closeWith(error);
      await turn();
      assert.equal(handler.closed, 1);
      assert.deepEqual([whole.answer.aborted, whole.answer.body], [null, '']);
      assert.equal(part.answer.aborted?.kind, 'connectionClosed');
      whole.stream.resumeResponse();
      await turn();
      assert.deepEqual([whole.answer.body, whole.answer.trailers, whole.answer.hasEnded], ['ab', [['t', 'u']], true]);
      assert.equal(part.answer.body, '');
      assert.equal(client.openStreams, 0);
    }
  });

  it('asks an idle server for a sign of life, where that is wanted', async () => {
    const { peer, client } = await aClient({ keepaliveIntervalMs: 3000, keepaliveTimeoutMs: 2000 });
    peer.clock.advance(4500);
    assert.deepEqual(await peer.heard(), ['PING']);
    const { answer } = open(client);
    peer.clock.advance(3000);
    assert.equal(answer.aborted?.kind, 'timeout');
  });
});
