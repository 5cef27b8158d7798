/** Attacks: what a peer could do without end is cut off with ENHANCE_YOUR_CALM, and what it can make us hold is bounded. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode, frameFlag, frameType } from './frames.ts';
import {
  aFrame,
  aGet,
  anAnswer,
  aPost,
  aSettings,
  dataFrame,
  headersFrame,
  resetFrame,
  TestSession,
  windowUpdate,
} from './session.fixture.ts';

/** Sends until the session gives up; how often it took that, and why it ended. */
function attack(
  server: TestSession,
  next: (round: number) => Buffer,
  maxRounds = 20_000,
): { rounds: number; reason: string } {
  for (let round = 1; round <= maxRounds; round++) {
    server.receive(next(round));
    if (server.fault === null) continue;
    assert.equal(server.fault.code, errorCode.enhanceYourCalm);
    return { rounds: round, reason: server.fault.reason };
  }
  return { rounds: maxRounds, reason: '' };
}

/** Its handshake was taken by the client. */
function aServer(): TestSession {
  const server = new TestSession('server').shakeHands();
  server.take();
  return server;
}
const ping = aFrame(frameType.ping, 0, 0, '12345678');

describe('a peer that makes us answer and does not read', () => {
  it('by PING is cut off after 1000 answers', () => {
    const server = aServer();
    server.isStuck = true;
    assert.deepEqual(
      attack(server, () => ping),
      { rounds: 1001, reason: 'outboundControlFlood' },
    );
  });

  it('by SETTINGS likewise', () => {
    const server = aServer();
    server.isStuck = true;
    assert.deepEqual(
      attack(server, () => aSettings()),
      { rounds: 1001, reason: 'outboundControlFlood' },
    );
  });

  it('by answers without end is cut off after 10,000 frames', () => {
    const server = aServer();
    server.isStuck = true;
    server.onStream = (each) => server.head(each, anAnswer, true);
    assert.deepEqual(
      attack(server, (round) => headersFrame(2 * round - 1, aGet)),
      {
        rounds: 10_001,
        reason: 'outboundFlood',
      },
    );
  });

  it('is cut off within one read too', () => {
    const server = aServer();
    server.receive(Buffer.concat(Array.from({ length: 3000 }, () => ping)));
    assert.equal(server.fault?.reason, 'outboundControlFlood');
  });

  it('is not cut off when it reads', () => {
    const server = aServer();
    const next = (): Buffer => (server.take(), ping);
    assert.deepEqual(attack(server, next, 5000), { rounds: 5000, reason: '' });
  });

  it('holds no more than the mark of each answer, while its window is shut', () => {
    const server = new TestSession('server').shakeHands([4, 0]);
    server.receive(headersFrame(1, aGet));
    const stream = server.last();
    server.head(stream, anAnswer, false);
    let given = 0;
    const chunk = Buffer.alloc(4 * 1024);
    do given += chunk.length;
    while (server.session.sendData(stream.stream, chunk, false));
    assert.equal(given, 16 * 1024);
    server.take();
    server.session.tick(server.now + 299_999);
    assert.equal(stream.failure, null);
    server.session.tick(server.now + 300_000);
    assert.deepEqual(stream.failure, { kind: 'stalled' });
    assert.equal(server.takeFrames()[0]?.type, frameType.rstStream);
  });
});

describe('rapid reset', () => {
  const reset = (round: number): Buffer =>
    Buffer.concat([headersFrame(2 * round - 1, aGet), resetFrame(2 * round - 1)]);

  it('is cut off once half of the first 500 streams were reset early', () => {
    assert.deepEqual(attack(aServer(), reset), { rounds: 250, reason: 'rapidReset' });
  });

  it('is seen behind as many good streams', () => {
    const server = aServer();
    server.onStream = (each) => {
      if (each.stream.id < 1200) server.head(each, anAnswer, true);
    };
    const next = (round: number): Buffer => (
      server.take(),
      round <= 600 ? headersFrame(2 * round - 1, aGet) : reset(round)
    );
    assert.deepEqual(attack(server, next), { rounds: 1200, reason: 'rapidReset' });
  });

  it('is not what a client does that gives up after a second', () => {
    const server = aServer();
    const next = (round: number): Buffer => {
      server.now += 1000;
      return round % 2 === 1 ? headersFrame(round, aGet) : resetFrame(round - 1);
    };
    assert.equal(attack(server, next, 2000).reason, '');
  });

  it('is also what makes us reset, by a broken rule a stream', () => {
    const server = aServer();
    const next = (round: number): Buffer => {
      server.take();
      return Buffer.concat([headersFrame(2 * round - 1, aPost, false), windowUpdate(2 * round - 1, 0)]);
    };
    assert.deepEqual(attack(server, next), { rounds: 250, reason: 'rapidReset' });
  });

  it('is also to open streams above the limit', () => {
    const server = new TestSession('server', { maxConcurrentStreams: 1 }).shakeHands();
    const next = (round: number): Buffer => (server.take(), headersFrame(2 * round - 1, aPost, false));
    assert.equal(attack(server, next).reason, 'rapidReset');
  });
});

describe('a flood', () => {
  const openServer = (): TestSession => {
    const server = aServer();
    server.receive(headersFrame(1, aPost, false));
    return server;
  };

  it('of empty DATA is cut off at the second', () => {
    assert.deepEqual(
      attack(openServer(), () => dataFrame(1, '')),
      { rounds: 2, reason: 'emptyFrames' },
    );
  });

  it('of empty CONTINUATION is cut off at the second', () => {
    const server = aServer();
    server.receive(aFrame(frameType.headers, 0, 1, 'x'));
    assert.deepEqual(
      attack(server, () => aFrame(frameType.continuation, 0, 1)),
      { rounds: 2, reason: 'emptyFrames' },
    );
  });

  it('of CONTINUATION is cut off at twice the limit of a header list', () => {
    const server = aServer();
    server.receive(aFrame(frameType.headers, 0, 1, Buffer.alloc(1024)));
    const fill = aFrame(frameType.continuation, 0, 1, Buffer.alloc(1024));
    assert.deepEqual(
      attack(server, () => fill),
      { rounds: 120, reason: 'blockTooLarge' },
    );
  });

  it('of PRIORITY is cut off after 100 a stream and one', () => {
    const priority = aFrame(frameType.priority, 0, 1, Buffer.from([0, 0, 0, 3, 1]));
    assert.deepEqual(
      attack(openServer(), () => priority),
      { rounds: 201, reason: 'priorityFlood' },
    );
  });

  it('of WINDOW_UPDATE is cut off where it answers no DATA', () => {
    assert.deepEqual(
      attack(openServer(), () => windowUpdate(0, 1)),
      { rounds: 8, reason: 'windowUpdateFlood' },
    );
    assert.deepEqual(
      attack(openServer(), () => windowUpdate(1, 1)),
      { rounds: 8, reason: 'windowUpdateFlood' },
    );
  });

  it('of frames on streams that we reset is cut off', () => {
    const server = openServer();
    server.session.reset(server.last().stream, errorCode.cancel);
    assert.deepEqual(
      attack(server, () => dataFrame(1, 'x')),
      { rounds: 103, reason: 'strayFrames' },
    );
    const other = openServer();
    other.session.reset(other.last().stream, errorCode.cancel);
    assert.deepEqual(
      attack(other, () => resetFrame(1)),
      { rounds: 103, reason: 'strayFrames' },
    );
  });
});

describe('an HPACK bomb', () => {
  /** GET / of http and a, without a word to the table. */
  const get = Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x61]);
  /** A large entry for the table, and then a block of many references to it. */
  const bomb = (references: number): [Buffer, Buffer] => [
    Buffer.concat([get, Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'b')]),
    Buffer.concat([get, Buffer.alloc(references, 0x80 | 62)]),
  ];
  const block = (id: number, bytes: Buffer): Buffer =>
    aFrame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, id, bytes);

  it('of few octets and a large list loses its stream, and the table goes on', () => {
    const server = aServer();
    const [first, second] = bomb(50);
    server.receive(block(1, first));
    server.receive(block(3, second));
    assert.deepEqual([server.streams.length, server.fault], [1, null]);
    assert.equal(server.takeFrames()[0]?.type, frameType.rstStream);
    server.receive(block(5, bomb(1)[1]));
    assert.equal(server.last().heads[0]?.[4]?.[1].length, 4000);
  });

  it('of very many fields costs little time', () => {
    const server = aServer();
    const [first, second] = bomb(16_000);
    server.receive(block(1, first));
    // The best of some: other work on the machine does not count.
    const times = [3, 5, 7, 9, 11].map((id) => {
      const start = performance.now();
      server.receive(block(id, second));
      return performance.now() - start;
    });
    assert.ok(Math.min(...times) < 50, `${times}`);
    assert.deepEqual([server.streams.length, server.fault], [1, null]);
  });
});
