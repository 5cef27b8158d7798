/** What a peer can do wrong: the code that RST_STREAM or GOAWAY carries, and the rule's name. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionPreface, errorName, frameFlag, frameType, maxInt31 } from './frames.ts';
import {
  aBlock,
  aFrame,
  aGet,
  anAnswer,
  aPost,
  aSettings,
  dataFrame,
  headersFrame,
  resetFrame,
  TestSession,
  u32,
  windowUpdate,
  type Pairs,
} from './session.fixture.ts';

const { endHeaders, endStream, padded, priority } = frameFlag;
const cat = (...frames: Buffer[]): Buffer => Buffer.concat(frames);
const open = headersFrame(1, aPost, false);
const closed = cat(headersFrame(1, aGet), resetFrame(1));

/** What a client sends after the handshake, the code, and the reason. */
const ofConnection: readonly [string, Buffer, string, string][] = [
  ['a frame above 16,384', aFrame(0, 0, 1, Buffer.alloc(16_385)), 'FRAME_SIZE_ERROR', 'frameSize'],
  ['DATA on stream 0', dataFrame(0, 'x'), 'PROTOCOL_ERROR', 'streamZero'],
  ['DATA on an idle stream', dataFrame(1, 'x'), 'PROTOCOL_ERROR', 'idleStream'],
  ['DATA that is all padding', cat(open, aFrame(0, padded, 1, '\x05abcd')), 'PROTOCOL_ERROR', 'padding'],
  ['DATA without its pad length', cat(open, aFrame(0, padded, 1)), 'PROTOCOL_ERROR', 'padding'],
  ['DATA after the client reset', cat(closed, dataFrame(1, 'x')), 'STREAM_CLOSED', 'closedStream'],
  ['HEADERS on stream 0', headersFrame(0, aGet), 'PROTOCOL_ERROR', 'streamZero'],
  ['HEADERS of an even id', headersFrame(2, aGet), 'PROTOCOL_ERROR', 'idleStream'],
  ['HEADERS of a lower id', cat(headersFrame(5, aGet), headersFrame(3, aGet)), 'PROTOCOL_ERROR', 'streamId'],
  ['HEADERS on a closed stream', cat(closed, headersFrame(1, aGet)), 'STREAM_CLOSED', 'closedStream'],
  ['HEADERS that are all padding', aFrame(1, endHeaders | padded, 1, '\x09abc'), 'PROTOCOL_ERROR', 'padding'],
  ['HEADERS too short for priority', aFrame(1, endHeaders | priority, 1, 'abc'), 'FRAME_SIZE_ERROR', 'payloadSize'],
  ['a block that is no HPACK', aFrame(1, endHeaders, 1, '\x80'), 'COMPRESSION_ERROR', 'compression'],
  ['DATA within a block', cat(aFrame(1, 0, 1, 'x'), dataFrame(1, 'x')), 'PROTOCOL_ERROR', 'interrupted'],
  ['an unknown frame within a block', cat(aFrame(1, 0, 1), aFrame(0xbe, 0, 1)), 'PROTOCOL_ERROR', 'interrupted'],
  ['CONTINUATION of another', cat(aFrame(1, 0, 1, 'x'), aFrame(9, 4, 3, 'x')), 'PROTOCOL_ERROR', 'interrupted'],
  ['CONTINUATION alone', aFrame(9, 4, 1, 'x'), 'PROTOCOL_ERROR', 'continuation'],
  ['PRIORITY on stream 0', aFrame(2, 0, 0, '12345'), 'PROTOCOL_ERROR', 'streamZero'],
  ['RST_STREAM on stream 0', resetFrame(0), 'PROTOCOL_ERROR', 'streamZero'],
  ['RST_STREAM on an idle stream', resetFrame(1), 'PROTOCOL_ERROR', 'idleStream'],
  ['RST_STREAM of 3 octets', cat(open, aFrame(3, 0, 1, 'abc')), 'FRAME_SIZE_ERROR', 'payloadSize'],
  ['SETTINGS on a stream', aFrame(4, 0, 1), 'PROTOCOL_ERROR', 'streamNotZero'],
  ['SETTINGS of 5 octets', aFrame(4, 0, 0, '12345'), 'FRAME_SIZE_ERROR', 'payloadSize'],
  ['SETTINGS ACK with a payload', aFrame(4, 1, 0, '123456'), 'FRAME_SIZE_ERROR', 'settingsAckPayload'],
  ['ENABLE_PUSH of 2', aSettings([2, 2]), 'PROTOCOL_ERROR', 'settingsValue'],
  ['INITIAL_WINDOW_SIZE of 2^31', aSettings([4, 2 ** 31]), 'FLOW_CONTROL_ERROR', 'settingsWindow'],
  ['MAX_FRAME_SIZE of 16,383', aSettings([5, 16_383]), 'PROTOCOL_ERROR', 'settingsValue'],
  ['MAX_FRAME_SIZE of 2^24', aSettings([5, 2 ** 24]), 'PROTOCOL_ERROR', 'settingsValue'],
  ['ENABLE_CONNECT_PROTOCOL of 2', aSettings([8, 2]), 'PROTOCOL_ERROR', 'settingsValue'],
  ['ENABLE_CONNECT_PROTOCOL taken back', aSettings([8, 1], [8, 0]), 'PROTOCOL_ERROR', 'settingsValue'],
  [
    'a stream window that SETTINGS push over 2^31-1',
    cat(open, windowUpdate(1, maxInt31 - 65_535), aSettings([4, 65_536])),
    'FLOW_CONTROL_ERROR',
    'settingsWindow',
  ],
  ['PUSH_PROMISE', aFrame(5, 4, 1, u32(2)), 'PROTOCOL_ERROR', 'pushPromise'],
  ['PING on a stream', aFrame(6, 0, 1, '12345678'), 'PROTOCOL_ERROR', 'streamNotZero'],
  ['PING of 7 octets', aFrame(6, 0, 0, '1234567'), 'FRAME_SIZE_ERROR', 'payloadSize'],
  ['GOAWAY on a stream', aFrame(7, 0, 1, u32(0, 0)), 'PROTOCOL_ERROR', 'streamNotZero'],
  ['GOAWAY of 7 octets', aFrame(7, 0, 0, '1234567'), 'FRAME_SIZE_ERROR', 'payloadSize'],
  [
    'GOAWAY that takes back',
    cat(aFrame(7, 0, 0, u32(1, 0)), aFrame(7, 0, 0, u32(3, 0))),
    'PROTOCOL_ERROR',
    'goawayGrows',
  ],
  ['WINDOW_UPDATE of 3 octets', aFrame(8, 0, 0, 'abc'), 'FRAME_SIZE_ERROR', 'payloadSize'],
  ['WINDOW_UPDATE of 0 on the connection', windowUpdate(0, 0), 'PROTOCOL_ERROR', 'connectionIncrement'],
  ['WINDOW_UPDATE on an idle stream', windowUpdate(1, 1), 'PROTOCOL_ERROR', 'idleStream'],
  [
    'a connection window above 2^31-1',
    cat(windowUpdate(0, maxInt31 - 65_535), windowUpdate(0, 1)),
    'FLOW_CONTROL_ERROR',
    'connectionWindowOverflow',
  ],
];

/** The same, of what only its stream (1, unless said) pays for. */
const ofStream: readonly [string, Buffer, string][] = [
  ['DATA after END_STREAM', cat(headersFrame(1, aGet), dataFrame(1, 'x')), 'STREAM_CLOSED'],
  ['HEADERS after END_STREAM', cat(headersFrame(1, aGet), headersFrame(1, aGet)), 'STREAM_CLOSED'],
  ['trailers without END_STREAM', cat(open, headersFrame(1, [['a', 'b']], false)), 'PROTOCOL_ERROR'],
  ['a pseudo-header in trailers', cat(open, headersFrame(1, [[':path', '/']])), 'PROTOCOL_ERROR'],
  ['WINDOW_UPDATE of 0', cat(open, windowUpdate(1, 0)), 'PROTOCOL_ERROR'],
  ['a window above 2^31-1', cat(open, windowUpdate(1, maxInt31)), 'FLOW_CONTROL_ERROR'],
  ['PRIORITY of 4 octets', cat(open, aFrame(2, 0, 1, '1234')), 'FRAME_SIZE_ERROR'],
  ['PRIORITY on itself', cat(open, aFrame(2, 0, 1, cat(u32(1), Buffer.from([1])))), 'PROTOCOL_ERROR'],
  [
    'HEADERS that depend on themselves',
    aFrame(1, endHeaders | endStream | priority, 1, cat(u32(1), Buffer.from([1]), aBlock(aGet))),
    'PROTOCOL_ERROR',
  ],
  ['less DATA than declared', cat(withLength('5'), dataFrame(1, 'abcd', true)), 'PROTOCOL_ERROR'],
  ['more DATA than declared', cat(withLength('3'), dataFrame(1, 'abcd')), 'PROTOCOL_ERROR'],
  ['no DATA where some was declared', headersFrame(1, [...aPost, ['content-length', '1']]), 'PROTOCOL_ERROR'],
  ['trailers where DATA was declared', cat(withLength('1'), headersFrame(1, [['a', 'b']])), 'PROTOCOL_ERROR'],
];

function withLength(length: string): Buffer {
  return headersFrame(1, [...aPost, ['content-length', length]], false);
}

describe('a client that breaks a rule of the connection', () => {
  for (const [what, bytes, code, reason] of ofConnection) {
    it(`gets ${code} (${reason}) for ${what}`, () => {
      for (const pieceBytes of [bytes.length, 1, 7]) {
        const server = new TestSession('server').shakeHands();
        server.receive(bytes, pieceBytes);
        assert.equal(server.fault?.reason, reason);
        const last = server.takeFrames().at(-1);
        assert.equal(last?.type, frameType.goaway);
        assert.equal(errorName(last.payload.readUInt32BE(4)), code);
      }
    });
  }

  it('gets PROTOCOL_ERROR for another preface, or SETTINGS that are not first', () => {
    for (const [bytes, reason] of [
      [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'preface'],
      [cat(connectionPreface, headersFrame(1, aGet)), 'settingsFirst'],
      [cat(connectionPreface, aFrame(4, 1, 0)), 'settingsFirst'],
    ] as const) {
      const server = new TestSession('server');
      server.receive(bytes, 3);
      assert.equal(server.fault?.reason, reason);
    }
  });
});

describe('a client that breaks a rule of a stream', () => {
  for (const [what, bytes, code] of ofStream) {
    it(`gets ${code} for ${what}, and its other streams go on`, () => {
      for (const pieceBytes of [bytes.length, 1, 7]) {
        const server = new TestSession('server').shakeHands();
        server.receive(bytes, pieceBytes);
        const reset = server.takeFrames().find(({ type }) => type === frameType.rstStream);
        assert.equal(errorName(reset?.payload.readUInt32BE(0) ?? 0), code);
        server.receive(headersFrame(3, aGet));
        assert.equal(server.last().stream.id, 3);
        assert.equal(server.fault, null);
      }
    });
  }
});

describe('a server that breaks a rule', () => {
  const faults: readonly [string, Buffer, string][] = [
    ['a stream of its own', headersFrame(2, anAnswer), 'streamsOfServer'],
    ['an answer on an idle stream', headersFrame(7, anAnswer), 'idleStream'],
    ['ENABLE_PUSH of 1', aSettings([2, 1]), 'settingsValue'],
    ['PUSH_PROMISE', aFrame(5, 4, 1, u32(2)), 'pushPromise'],
  ];
  for (const [what, bytes, reason] of faults) {
    it(`ends the connection (${reason}) by ${what}`, () => {
      const client = new TestSession('client').shakeHands();
      client.request();
      client.receive(bytes);
      assert.equal(client.fault?.reason, reason);
    });
  }

  const answers: readonly [string, Pairs, boolean][] = [
    ['no :status', [['a', 'b']], true],
    ['101', [[':status', '101']], false],
    ['a status of two digits', [[':status', '20']], true],
    ['a request pseudo-header', [...anAnswer, [':path', '/']], true],
    ['a 1xx that ends', [[':status', '103']], true],
    ['content-length without DATA', [...anAnswer, ['content-length', '5']], true],
  ];
  for (const [what, fields, end] of answers) {
    it(`loses the stream by ${what}`, () => {
      const client = new TestSession('client').shakeHands();
      const request = client.request();
      client.take();
      client.receive(headersFrame(1, fields, end));
      assert.equal(request.failure?.kind, 'fault');
      assert.equal(client.takeFrames()[0]?.type, frameType.rstStream);
      assert.equal(client.fault, null);
    });
  }

  it('loses the stream by DATA before a head, or in answer to HEAD', () => {
    const client = new TestSession('client').shakeHands();
    const [early, head] = [client.request(), client.request([[':method', 'HEAD'], ...aGet.slice(1)])];
    head.stream.isBodyless = true;
    client.receive(dataFrame(1, 'x'));
    client.receive(cat(headersFrame(3, [...anAnswer, ['content-length', '1']], false), dataFrame(3, 'x', true)));
    assert.deepEqual([early.failure?.kind, head.failure?.kind], ['fault', 'fault']);
  });
});
