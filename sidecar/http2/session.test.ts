import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, frameType, maxInt31 } from './frames.ts';
import {
  aFrame,
  aGet,
  anAnswer,
  aPost,
  aSettings,
  exchange,
  headersFrame,
  dataFrame,
  TestSession,
  u32,
} from './session.fixture.ts';
import type { Pairs, StreamRecorder } from './session.fixture.ts';

/** A client and a server that know each other's settings. */
function aPair(): { client: TestSession; server: TestSession } {
  const client = new TestSession('client');
  const server = new TestSession('server');
  exchange(client, server);
  return { client, server };
}

const data = (session: TestSession, to: StreamRecorder, text: string, end: boolean): boolean =>
  session.session.sendData(to.stream, Buffer.from(text), end);

const trailers: Pairs = [['grpc-status', '0']];

describe('a client session and a server session', () => {
  it('exchange a request and its answer, however the bytes are cut', () => {
    for (let pieceBytes = 1; pieceBytes <= 120; pieceBytes++) {
      const client = new TestSession('client');
      const server = new TestSession('server');
      const request = client.request([...aPost, ['x-a', 'b'.repeat(70)]], false);
      data(client, request, 'ping', false);
      client.trailers(request, [['x-checksum', '1']]);
      exchange(client, server, pieceBytes);
      const received = server.last();
      assert.deepEqual(received.heads[0]?.slice(4), [['x-a', 'b'.repeat(70)]]);
      assert.deepEqual([received.body, received.trailers], ['ping', [['x-checksum', '1']]]);
      server.head(received, [[':status', '103']], false);
      server.head(received, [...anAnswer, ['x-c', 'd']], false);
      data(server, received, 'pong', false);
      server.trailers(received, trailers);
      exchange(client, server, pieceBytes);
      assert.deepEqual(request.heads, [[[':status', '103']], [...anAnswer, ['x-c', 'd']]]);
      assert.deepEqual([request.body, request.trailers, request.hasEnded], ['pong', trailers, true]);
      assert.deepEqual([client.session.openStreams, server.session.openStreams], [0, 0]);
      assert.deepEqual([request.sent, received.sent], [1, 1]);
    }
  });

  it('send a head above the frame size in CONTINUATION frames', () => {
    const { client, server } = aPair();
    const long: Pairs = Array.from({ length: 40 }, (_, index) => [`x-${index}`, `${index}`.repeat(600)] as const);
    client.request([...aGet, ...long]);
    const bytes = client.take();
    server.receive(bytes, 1000);
    assert.deepEqual(server.last().heads[0]?.slice(4), long);
    assert.equal(server.fault, null);
  });

  it('count capacity by what both allow, and open again when streams end', () => {
    const client = new TestSession('client', { maxConcurrentStreams: 500 });
    assert.equal(client.session.capacity, 100);
    client.receive(aSettings([3, 2]));
    assert.equal(client.session.capacity, 2);
    const first = client.request();
    client.request();
    assert.equal(client.session.capacity, 0);
    client.receive(headersFrame(first.stream.id, anAnswer));
    assert.equal(client.session.capacity, 1);
  });

  it('end a request whose answer is complete before it, on both sides', () => {
    const { client, server } = aPair();
    const request = client.request(aPost, false);
    exchange(client, server);
    server.head(server.last(), anAnswer, true);
    const frames = server.takeFrames();
    assert.deepEqual(
      frames.map(({ type }) => type),
      [frameType.headers, frameType.rstStream],
    );
    assert.deepEqual(frames[1]?.payload, u32(errorCode.noError));
    client.receive(headersFrame(1, anAnswer));
    assert.deepEqual([request.hasEnded, request.failure], [true, null]);
    assert.deepEqual(client.takeFrames().at(-1)?.payload, u32(errorCode.cancel));
    // What was on its way is ignored.
    server.receive(dataFrame(1, 'late', true));
    assert.equal(server.fault, null);
  });

  it('keep a tunnel open when the server has ended its side', () => {
    const { client, server } = aPair();
    const connect: Pairs = [
      [':method', 'CONNECT'],
      [':authority', 'a:80'],
    ];
    const request = client.request(connect, false);
    request.stream.isTunnel = true;
    server.onStream = ({ stream }) => (stream.isTunnel = true);
    exchange(client, server);
    server.head(server.last(), anAnswer, false);
    data(server, server.last(), 'bye', true);
    exchange(client, server);
    assert.deepEqual([request.body, request.hasEnded], ['bye', true]);
    data(client, request, 'and you', true);
    exchange(client, server);
    assert.equal(server.last().body, 'and you');
    assert.equal(server.session.openStreams, 0);
  });

  it('answer PING with its bytes, and ignore frames of unknown types', () => {
    const { server } = aPair();
    server.receive(Buffer.concat([aFrame(0xbe, 0xff, 7, 'what'), aFrame(frameType.ping, 0, 0, '12345678')]));
    const [pong] = server.takeFrames();
    assert.deepEqual([pong?.type, pong?.flags, String(pong?.payload)], [frameType.ping, 1, '12345678']);
  });

  it('refuse streams above the limit', () => {
    const server = new TestSession('server', { maxConcurrentStreams: 1 }).shakeHands();
    server.receive(Buffer.concat([headersFrame(1, aPost, false), headersFrame(3, aGet)]));
    const [reset] = server.takeFrames();
    assert.deepEqual([reset?.type, reset?.id, reset?.payload], [frameType.rstStream, 3, u32(errorCode.refusedStream)]);
    server.receive(dataFrame(1, 'x', true));
    assert.deepEqual([server.streams.length, server.last().hasEnded], [1, true]);
  });

  it('join cookie crumbs', () => {
    const { server } = aPair();
    server.receive(headersFrame(1, [...aGet, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']]));
    assert.deepEqual(server.last().heads[0]?.slice(4), [
      ['cookie', 'a=1; b=2'],
      ['x', 'y'],
    ]);
  });
});

describe('the end of a session', () => {
  it('comes in two steps from a server: first all may come, then none above the last', () => {
    const server = new TestSession('server').shakeHands();
    server.receive(headersFrame(1, aPost, false));
    server.session.drain();
    const [first, ping] = server.takeFrames();
    assert.deepEqual([first?.type, first?.payload], [frameType.goaway, u32(maxInt31, 0)]);
    assert.equal(ping?.type, frameType.ping);
    server.receive(headersFrame(3, aPost, false));
    server.receive(aFrame(frameType.ping, 1, 0, ping?.payload));
    assert.deepEqual(server.takeFrames()[0]?.payload, u32(3, 0));
    server.receive(Buffer.concat([headersFrame(5, aPost, false), dataFrame(5, 'x', true)]));
    assert.deepEqual([server.streams.length, server.fault, server.session.isDone], [2, null, false]);
    for (const each of server.streams) server.head(each, anAnswer, true);
    assert.equal(server.session.isDone, true);
  });

  it('takes the second step by itself when the PING is not answered', () => {
    const server = new TestSession('server', { drainGraceMs: 500 }).shakeHands();
    server.session.drain();
    server.take();
    server.session.tick(server.now + 499);
    assert.equal(server.take().length, 0);
    server.session.tick(server.now + 500);
    assert.deepEqual(server.takeFrames()[0]?.payload, u32(0, 0));
    assert.equal(server.session.isDone, true);
  });

  it('refuses the streams of a client above the last of GOAWAY', () => {
    const { client } = aPair();
    const [first, second] = [client.request(), client.request()];
    client.receive(aFrame(frameType.goaway, 0, 0, u32(1, 0)));
    assert.deepEqual([first?.failure, second?.failure], [null, { kind: 'refused' }]);
    assert.deepEqual([client.goaway, client.session.capacity], [0, 0]);
    client.receive(headersFrame(1, anAnswer));
    assert.equal(first?.hasEnded, true);
  });

  it('fails all streams when the peer broke a rule, and says so in GOAWAY', () => {
    const { server } = aPair();
    server.receive(headersFrame(1, aPost, false));
    server.receive(aFrame(frameType.ping, 0, 1, '12345678'));
    assert.equal(server.fault?.reason, 'streamNotZero');
    assert.equal(server.last().failure?.kind, 'fault');
    const goaway = server.takeFrames().at(-1);
    assert.deepEqual(goaway?.payload.subarray(0, 8), u32(1, errorCode.protocolError));
    assert.match(String(goaway?.payload.subarray(8)), /streamNotZero/);
  });

  it('comes when SETTINGS are not acknowledged, a head or a PING does not come in time', () => {
    const options = { settingsAckTimeoutMs: 100, headTimeoutMs: 200, keepaliveIntervalMs: 300, keepaliveTimeoutMs: 50 };
    const silent = new TestSession('server', options);
    silent.session.tick(silent.now + 100);
    assert.equal(silent.fault?.reason, 'settingsTimeout');
    const slow = new TestSession('server', options).shakeHands();
    slow.receive(headersFrame(1, aGet).subarray(0, 11));
    slow.session.tick(slow.now + 199);
    assert.equal(slow.session.isOver, false);
    slow.session.tick(slow.now + 200);
    assert.equal(slow.fault?.reason, 'headTimeout');
    const dead = new TestSession('client', options).shakeHands();
    dead.session.tick(dead.now + 300);
    assert.equal(dead.takeFrames()[0]?.type, frameType.ping);
    dead.session.tick(dead.now + 350);
    assert.equal(dead.fault?.reason, 'keepalive');
  });

  it('is not held up by CONTINUATION frames that come one by one', () => {
    const server = new TestSession('server', { headTimeoutMs: 200 }).shakeHands();
    server.receive(aFrame(frameType.headers, 0, 1, 'x'));
    server.now += 150;
    server.receive(aFrame(frameType.continuation, 0, 1, 'x'));
    server.session.tick(server.now + 50);
    assert.equal(server.fault?.reason, 'headTimeout');
  });
});
