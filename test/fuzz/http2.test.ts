import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { connectionPreface, frameType } from '../../sidecar/http2/frames.ts';
import {
  aBlock,
  aFrame,
  aGet,
  anAnswer,
  aPost,
  aSettings,
  dataFrame,
  exchange,
  headersFrame,
  parseFrames,
  resetFrame,
  TestSession,
  windowUpdate,
} from '../../sidecar/http2/session.fixture.ts';

const runs = { numRuns: 3000, seed: 20_261_126 };

const ids = fc.constantFrom(0, 1, 2, 3, 5, 7, 0x7fff_ffff);
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(
    aBlock(aGet),
    aBlock(aPost),
    aBlock(anAnswer),
    aBlock([...aPost, ['content-length', '3']]),
    aBlock([['grpc-status', '0']]),
    Buffer.alloc(0),
    Buffer.alloc(4),
    Buffer.alloc(16_384),
    Buffer.from([0, 4, 0, 0, 0, 0]),
    Buffer.from([0, 3, 0, 0, 0, 1]),
    Buffer.from([0, 1, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0xff, 0xff]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  ),
);
/** A frame that may be right: mostly known types and flags. */
const anyFrame = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constantFrom(0, 1, 8)),
    fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0xff),
    ids,
    payloads,
  )
  .map(([type, flags, id, payload]) => aFrame(type, flags, id, Buffer.from(payload)));
/** A frame that is right where it stands, or nearly: with these a session lives for longer. */
const rightFrame = fc
  .tuple(fc.constantFrom(1, 3, 5, 7), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .map(([id, what, size]) => {
    switch (what) {
      case 0:
        return headersFrame(id, aGet);
      case 1:
        return headersFrame(id, aPost, false);
      case 2:
        return headersFrame(id, anAnswer, false);
      case 3:
        return headersFrame(id, [['grpc-status', '0']]);
      case 4:
        return dataFrame(id, 'x'.repeat(size), size > 6);
      case 5:
        return dataFrame(id, Buffer.alloc(1000 * size));
      case 6:
        return windowUpdate(size > 5 ? 0 : id, 1000 * size);
      case 7:
        return size > 8 ? resetFrame(id) : aFrame(frameType.ping, size % 2, 0, '12345678');
      case 8:
        return aSettings([[1, 3, 4, 5, 6][size % 5] ?? 1, 20_000]);
      default:
        return aFrame(frameType.data, 9, id, Buffer.concat([Buffer.from([size]), Buffer.alloc(2 * size)]));
    }
  });
/** Streams to begin with, for frames to be about. */
const openStreams = Buffer.concat([1, 3, 5, 7].map((id) => headersFrame(id, aPost, false)));
const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const anyInput = fc.array(
  fc.oneof(
    { weight: 30, arbitrary: rightFrame },
    { weight: 2, arbitrary: anyFrame },
    { weight: 1, arbitrary: anyBytes },
  ),
  { minLength: 10, maxLength: 60, size: 'max' },
);

/** What the owner of a stream does when something comes for it, and when the time comes. */
const moves = fc.array(
  fc.constantFrom('answer', 'data', 'trailers', 'pause', 'resume', 'reset', 'tick', 'drain', 'nothing'),
  { minLength: 10, maxLength: 60, size: 'max' },
);

function move(session: TestSession, what: string): void {
  const stream = session.streams.at(-1);
  if (what === 'tick') session.session.tick((session.now += 1000));
  if (what === 'drain') session.session.drain();
  if (stream === undefined || stream.stream.isClosed) return;
  if (what === 'answer' && stream.stream.bytesSent === 0) session.head(stream, anAnswer, false);
  if (stream.stream.bytesSent === 0) return;
  if (what === 'data') session.session.sendData(stream.stream, Buffer.alloc(20_000), false);
  if (what === 'trailers') session.trailers(stream, [['a', 'b']]);
  if (what === 'pause') session.session.pause(stream.stream);
  if (what === 'resume') session.session.resume(stream.stream);
  if (what === 'reset') session.session.reset(stream.stream, 8);
}

/** Everything that a session writes is whole frames, and nothing is left of it when it is over. */
function check(session: TestSession, written: Buffer): void {
  const frames = parseFrames(written);
  const whole = frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0);
  const preface = written.subarray(0, 4).toString() === 'PRI ' ? connectionPreface.length : 0;
  assert.equal(whole + preface, written.length);
  if (session.fault !== null) {
    assert.equal(session.session.openStreams, 0);
    assert.equal(frames.filter(({ type }) => type === frameType.goaway).length > 0, true);
  }
  for (const stream of session.streams) if (stream.failure !== null) assert.equal(stream.stream.isClosed, true);
}

describe('a session that gets any frames', () => {
  for (const role of ['server', 'client'] as const) {
    let frames = 0;
    it(`as a ${role} never throws, and writes whole frames only`, () => {
      fc.assert(
        fc.property(anyInput, moves, fc.integer({ min: 1, max: 50 }), (input, todo, pieceBytes) => {
          const session = new TestSession(role);
          const written: Buffer[] = [session.take()];
          if (role === 'server') session.receive(connectionPreface);
          session.receive(aSettings([4, 100]));
          if (role === 'server') session.receive(openStreams);
          if (role === 'client') for (let i = 0; i < 4; i++) session.request(i % 2 === 0 ? aGet : aPost, i % 2 === 0);
          input.forEach((bytes, index) => {
            if (!session.session.isOver) frames++;
            session.receive(bytes, index % 3 === 0 ? pieceBytes : bytes.length);
            move(session, todo[index] ?? 'nothing');
            written.push(session.take());
          });
          check(session, Buffer.concat(written));
        }),
        runs,
      );
      assert.ok(frames > 4 * runs.numRuns, `sessions live for ${frames / runs.numRuns} inputs only`);
    });
  }

  it('tells the same of a stream however it is cut', () => {
    fc.assert(
      fc.property(anyInput, fc.integer({ min: 1, max: 50 }), (input, pieceBytes) => {
        const bytes = Buffer.concat([connectionPreface, aSettings(), openStreams, ...input]);
        const told = [bytes.length, pieceBytes].map((each) => {
          const session = new TestSession('server');
          session.receive(bytes, each);
          return {
            reason: session.fault?.reason,
            streams: session.streams.map(({ heads, body, trailers, hasEnded, failure }) => ({
              heads,
              body,
              trailers,
              hasEnded,
              failure,
            })),
            written: session.take().toString('hex').length,
          };
        });
        assert.deepEqual(told[0], told[1]);
      }),
      runs,
    );
  });
});

describe('two sessions', () => {
  it('carry any bodies both ways, whatever the windows', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 70_000 }), (all, window) => {
        const options = { initialStreamWindowBytes: window, initialConnectionWindowBytes: 65_535 + window };
        const client = new TestSession('client', options);
        const server = new TestSession('server', options);
        exchange(client, server);
        const requests = all.map((size) => {
          const request = client.request(aPost, false);
          client.session.sendData(request.stream, Buffer.alloc(size, 'u'), true);
          return request;
        });
        server.onStream = (each) => {
          server.head(each, anAnswer, false);
          const size = all[(each.stream.id - 1) / 2] ?? 0;
          server.session.sendData(each.stream, Buffer.alloc(size, 'd'), false);
          server.trailers(each, [['end', '1']]);
        };
        exchange(client, server, 30_000);
        assert.deepEqual(
          requests.map(({ body }) => body.length),
          all,
        );
        assert.ok(requests.every(({ failure, trailers }) => failure === null && trailers !== null));
        assert.deepEqual([client.fault, server.fault, client.session.openStreams], [null, null, 0]);
      }),
      { ...runs, numRuns: 100 },
    );
  });
});
