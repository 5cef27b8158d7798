import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorName, frameType } from './frames.ts';
import {
  aGet,
  anAnswer,
  aPost,
  aSettings,
  dataFrame,
  headersFrame,
  TestSession,
  windowUpdate,
} from './session.fixture.ts';
import type { Http2Options } from './options.ts';
import type { SeenFrame, StreamRecorder } from './session.fixture.ts';

const dataOf = (frames: SeenFrame[]): [number, number][] =>
  frames.filter(({ type }) => type === frameType.data).map(({ id, payload }) => [id, payload.length]);
const updatesOf = (frames: SeenFrame[]): [number, number][] =>
  frames.filter(({ type }) => type === frameType.windowUpdate).map(({ id, payload }) => [id, payload.readUInt32BE(0)]);

/** A server with `count` requests whose heads are answered. */
function answering(count: number, ...settings: [number, number][]): { server: TestSession; streams: StreamRecorder[] } {
  const server = new TestSession('server').shakeHands(...settings);
  for (let i = 0; i < count; i++) {
    server.receive(headersFrame(2 * i + 1, aGet));
    server.head(server.last(), anAnswer, false);
  }
  server.take();
  return { server, streams: server.streams };
}

const send = (server: TestSession, to: StreamRecorder | undefined, bytes: number, end = false): boolean =>
  server.session.sendData(to!.stream, Buffer.alloc(bytes, 'd'), end);

describe('sending', () => {
  it('stays within the window of the stream and goes on with it', () => {
    const { server, streams } = answering(1, [4, 10]);
    send(server, streams[0], 25, true);
    assert.deepEqual(dataOf(server.takeFrames()), [[1, 10]]);
    server.receive(windowUpdate(1, 5));
    assert.deepEqual(dataOf(server.takeFrames()), [[1, 5]]);
    server.receive(windowUpdate(1, 100));
    const last = server.takeFrames();
    assert.deepEqual([dataOf(last), last[0]?.flags], [[[1, 10]], 1]);
    assert.equal(streams[0]?.sent, 1);
  });

  it('stays within the window of the connection, whatever the streams allow', () => {
    const { server, streams } = answering(2, [4, 1 << 20]);
    send(server, streams[0], 60_000);
    send(server, streams[1], 60_000);
    const sum = dataOf(server.takeFrames()).reduce((total, [, length]) => total + length, 0);
    assert.equal(sum, 65_535);
    server.receive(windowUpdate(0, 1000));
    assert.equal(
      dataOf(server.takeFrames()).reduce((total, [, length]) => total + length, 0),
      1000,
    );
  });

  it('stops when SETTINGS shrink the window below what is under way, and needs it back', () => {
    const { server, streams } = answering(1, [4, 100]);
    send(server, streams[0], 150);
    server.take();
    server.receive(aSettings([4, 50]));
    server.receive(windowUpdate(1, 50));
    assert.deepEqual(dataOf(server.takeFrames()), []);
    server.receive(aSettings([4, 60]));
    assert.deepEqual(dataOf(server.takeFrames()), [[1, 10]]);
  });

  it('gives streams their turns, so that a small body is not behind a large one', () => {
    const { server, streams } = answering(3, [4, 1 << 24]);
    server.receive(windowUpdate(0, 1 << 24));
    send(server, streams[0], 200_000, true);
    send(server, streams[1], 100, true);
    send(server, streams[2], 40_000, true);
    const order = dataOf(server.takeFrames());
    assert.deepEqual(order.slice(0, 5), [
      [1, 16_384],
      [3, 100],
      [5, 16_384],
      [1, 16_384],
      [5, 16_384],
    ]);
    assert.equal(
      order.filter(([id]) => id === 1).reduce((total, [, length]) => total + length, 0),
      200_000,
    );
  });

  it('writes a small body at once behind its head, and trailers behind queued data', () => {
    const { server, streams } = answering(2, [4, 10]);
    send(server, streams[0], 10);
    send(server, streams[1], 15);
    server.trailers(streams[0] as StreamRecorder, [['a', 'b']]);
    server.trailers(streams[1] as StreamRecorder, [['a', 'b']]);
    const types = (frames: SeenFrame[]): [number, number][] => frames.map(({ type, id }) => [type, id]);
    assert.deepEqual(types(server.takeFrames()), [
      [0, 1],
      [1, 1],
      [0, 3],
    ]);
    server.receive(windowUpdate(3, 10));
    assert.deepEqual(types(server.takeFrames()), [
      [0, 3],
      [1, 3],
    ]);
  });

  /** Lends bytes that are others as soon as they are given back. */
  const lend = (server: TestSession, to: StreamRecorder | undefined, bytes: Buffer, end = false): boolean => {
    const lent = Buffer.from(bytes);
    const wantsMore = server.session.relayData(to!.stream, lent, end);
    lent.fill('!');
    return wantsMore;
  };
  const bodyOf = (frames: SeenFrame[], id: number): Buffer =>
    Buffer.concat(frames.filter((frame) => frame.type === frameType.data && frame.id === id).map((f) => f.payload));
  const numbered = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i % 251));

  it('passes lent bytes on at once, in frames and in order with all else', () => {
    const { server, streams } = answering(2, [4, 1 << 20]);
    server.receive(windowUpdate(0, 1 << 20));
    const body = numbered(40_000);
    lend(server, streams[0], body.subarray(0, 10));
    lend(server, streams[0], body.subarray(10, 9010));
    send(server, streams[1], 5, true);
    lend(server, streams[0], body.subarray(9010), true);
    const frames = server.takeFrames();
    assert.deepEqual(dataOf(frames), [
      [1, 10],
      [1, 9000],
      [3, 5],
      [1, 16_384],
      [1, 14_606],
    ]);
    assert.ok(bodyOf(frames, 1).equals(body));
    assert.deepEqual([frames.at(-1)?.flags, streams[0]?.sent], [1, 1]);
  });

  it('keeps a copy of lent bytes that must wait', () => {
    const { server, streams } = answering(1, [4, 10_000]);
    const body = numbered(30_000);
    lend(server, streams[0], body.subarray(0, 8000));
    lend(server, streams[0], body.subarray(8000), true);
    const first = server.takeFrames();
    server.receive(windowUpdate(1, 30_000));
    const rest = server.takeFrames();
    assert.deepEqual([bodyOf(first, 1).length, rest.at(-1)?.flags], [10_000, 1]);
    assert.ok(bodyOf([...first, ...rest], 1).equals(body));
  });

  it('says false above the mark, and that it is writable below half of it', () => {
    const { server, streams } = answering(1, [4, 1000]);
    const [stream] = streams;
    assert.equal(send(server, stream, 15_000), true);
    assert.equal(send(server, stream, 2_000), false);
    server.receive(windowUpdate(1, 7_000));
    server.take();
    assert.equal(stream?.writable, 0);
    server.receive(windowUpdate(1, 2_000));
    server.take();
    assert.equal(stream?.writable, 1);
  });

  it('takes more of a body that flows', () => {
    const { server, streams } = answering(1, [4, 1 << 24]);
    server.receive(windowUpdate(0, 1 << 24));
    assert.equal(send(server, streams[0], 120_000), true);
    assert.equal(send(server, streams[0], 20_000), false);
  });

  it('waits for a connection that wants no more', () => {
    const { server, streams } = answering(1, [4, 1 << 24]);
    server.receive(windowUpdate(0, 1 << 24));
    server.isWritable = false;
    send(server, streams[0], 1_000_000, true);
    const first = dataOf(server.takeFrames());
    assert.ok(first.length <= 4);
    assert.equal(server.take().length, 0);
    server.isWritable = true;
    server.session.onDrain();
    assert.equal(dataOf(server.takeFrames()).length, 62 - first.length);
  });
});

describe('receiving', () => {
  const receiving = (options: Partial<Http2Options> = {}): TestSession => {
    const server = new TestSession('server', { initialConnectionWindowBytes: 100_000, ...options }).shakeHands();
    server.receive(headersFrame(1, aPost, false));
    return server;
  };
  const fill = (server: TestSession, bytes: number, id = 1): void => {
    for (let left = bytes; left > 0; left -= 16_384) server.receive(dataFrame(id, 'x'.repeat(Math.min(left, 16_384))));
  };

  it('opens the windows by what the consumer took, in steps', () => {
    const server = receiving({ maxStreamWindowBytes: 65_535 });
    fill(server, 30_000);
    assert.deepEqual(updatesOf(server.takeFrames()), []);
    fill(server, 10_000);
    assert.deepEqual(updatesOf(server.takeFrames()), [[1, 40_000]]);
  });

  it('opens none while the consumer pauses, and ends a stream that goes on', () => {
    const server = receiving();
    const stream = server.last();
    server.session.pause(stream.stream);
    fill(server, 65_535);
    assert.deepEqual([updatesOf(server.takeFrames()), stream.body], [[], '']);
    server.receive(dataFrame(1, 'x'));
    const reset = server.takeFrames().find(({ type }) => type === frameType.rstStream);
    assert.equal(errorName(reset?.payload.readUInt32BE(0) ?? 0), 'FLOW_CONTROL_ERROR');
    assert.equal(server.fault, null);
  });

  it('gives out what was held, in order, when the consumer resumes', () => {
    const server = receiving();
    const stream = server.last();
    server.session.pause(stream.stream);
    server.receive(Buffer.concat([dataFrame(1, 'ab'), dataFrame(1, 'cd'), headersFrame(1, [['t', 'u']])]));
    server.session.resume(stream.stream);
    assert.equal(stream.body, '');
    server.take();
    assert.deepEqual([stream.body, stream.trailers, stream.hasEnded], ['abcd', [['t', 'u']], true]);
  });

  it('gives back to the connection what a closed stream had not taken', () => {
    const server = receiving({ maxConnectionWindowBytes: 100_000 });
    server.session.pause(server.last().stream);
    fill(server, 60_000);
    server.session.reset(server.last().stream, 8);
    assert.deepEqual(updatesOf(server.takeFrames()), [[0, 60_000]]);
  });

  it('ends a connection that exceeds its window', () => {
    const server = receiving({ maxConnectionWindowBytes: 100_000 });
    server.receive(headersFrame(3, aPost, false));
    for (const { stream } of server.streams) server.session.pause(stream);
    fill(server, 65_000, 1);
    fill(server, 40_000, 3);
    assert.equal(server.fault?.reason, 'connectionWindowExceeded');
  });

  it('counts padding, which nobody takes', () => {
    const server = receiving({ maxStreamWindowBytes: 65_535 });
    const padded = Buffer.concat([Buffer.from([0, 1, 0, 0, 8, 0, 0, 0, 1, 254, 0x78]), Buffer.alloc(254)]);
    for (let i = 0; i < 128; i++) server.receive(padded);
    assert.deepEqual(updatesOf(server.takeFrames()), [[1, 32_768]]);
    assert.equal(server.last().body, 'x'.repeat(128));
  });

  it('grows the window of a fast peer with use, up to its bound, and not of a slow one', () => {
    const server = receiving({ maxStreamWindowBytes: 200_000, maxConnectionWindowBytes: 100_000 });
    fill(server, 32_768);
    assert.deepEqual(updatesOf(server.takeFrames()), [[1, 32_768 + 65_535]]);
    fill(server, 65_536);
    assert.deepEqual(
      updatesOf(server.takeFrames()).filter(([id]) => id === 1),
      [[1, 65_536 + 68_930]],
    );
    const slow = receiving();
    slow.now += 1000;
    fill(slow, 32_768);
    assert.deepEqual(updatesOf(slow.takeFrames()), [[1, 32_768]]);
  });
});
