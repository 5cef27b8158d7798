/**
 * Attacks on a sidecar process: what a client of HTTP/2 does at the proxy's cost is cut off or bounded, and in each of them another
 * client is served all along. How long that one waits is printed, not asserted.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { connectionPreface, errorCode, frameFlag, frameType, maxInt31 } from '../../sidecar/http2/frames.ts';
import {
  aBlock,
  aFrame,
  aGet,
  aPost,
  aSettings,
  dataFrame,
  headersFrame,
  resetFrame,
  windowUpdate,
  type Pairs,
} from '../../sidecar/http2/session.fixture.ts';
import { eventually } from '../support/eventually.ts';
import { Attacker, Witness } from './http2-attacker.fixture.ts';
import { aCluster, aListener, StaticSidecar } from './sidecar-static.fixture.ts';
import { freePort } from '../support/free-port.ts';

/** On documented streams each connection that is read gets 64 KiB of its own for that, until they are collected. */
const maxGrowthBytes = (process.env['TULLE_TRANSPORT'] === 'streams' ? 128 : 64) * 1024 * 1024;
/** While an attack goes on, and then some. */
const servedAtLeast = 200;
const large = Buffer.alloc(20 * 1024 * 1024, 'x');

const post = (path: string): Pairs => [...aPost.slice(0, 3), [':path', path]];
const get = (path: string): Pairs => [...aGet.slice(0, 3), [':path', path]];
const ofStream = (round: number): number => 2 * round + 1;

describe('another client is served, and memory is bounded', () => {
  let app: Server;
  let port = 0;
  let others = 0;
  let sidecar: StaticSidecar;
  let openRequests = 0;
  let warmBytes = 0;

  before(async () => {
    app = createServer((message, response) => {
      openRequests++;
      response.on('close', () => openRequests--);
      if (message.url === '/large') response.end(large);
      else if (message.url === '/post') message.resume().on('end', () => response.end('took it'));
      else if (message.url === '/fine') response.end('fine');
    });
    await new Promise<void>((done) => app.listen(0, '127.0.0.1', done));
  });

  // Each attack meets a process that no other has grown.
  beforeEach(async () => {
    port = await freePort();
    others = await freePort();
    const manager = { request_headers_timeout: '1s', stream_idle_timeout: '3s' };
    const limits = { max_connections: 5000, max_pending_requests: 5000, max_requests: 5000 };
    const cluster = {
      ...aCluster('app', (app.address() as AddressInfo).port),
      circuit_breakers: { thresholds: [limits] },
    };
    // The applications that it calls slow down too: the others are patient with them.
    const listeners = [aListener('inbound', port, 'app', { manager }), aListener('others', others, 'app')];
    sidecar = await StaticSidecar.start({ static_resources: { listeners, clusters: [cluster] } }, [port, others]);
    const warm = new Witness(others);
    await eventually(() => warm.served > 1000, 30_000);
    await warm.stop();
    warmBytes = await sidecar.residentBytes();
  });

  afterEach(async () => {
    await sidecar.stop();
    app.closeAllConnections();
    await eventually(() => openRequests === 0);
  });

  after(() => {
    app.closeAllConnections();
    app.close();
  });

  /** Runs an attack while the witness calls, until that one has been served a while after it too. */
  async function withstand(context: TestContext, attack: () => Promise<void>): Promise<void> {
    let most = await sidecar.residentBytes();
    const witness = new Witness(others);
    const look = setInterval(() => {
      void sidecar.residentBytes().then((bytes) => (most = Math.max(most, bytes)));
    }, 20);
    try {
      await eventually(() => witness.served > 0);
      await attack();
      most = Math.max(most, await sidecar.residentBytes());
      await eventually(() => witness.served >= servedAtLeast, 20_000);
    } finally {
      clearInterval(look);
      await witness.stop();
    }
    const grownMb = ((most - warmBytes) / 1024 / 1024).toFixed(1);
    context.diagnostic(`${witness.served} served, p99 ${witness.p99.toFixed(1)} ms, grown by ${grownMb} MB at most`);
    assert.deepEqual(witness.failures, []);
    assert.ok(most - warmBytes < maxGrowthBytes, `grew by ${grownMb} MB`);
  }

  /** Floods over one connection until it is ended; what was said with the end. */
  async function floodUntilClosed(next: (round: number) => Buffer, { reads = true } = {}): Promise<number> {
    const attacker = await Attacker.open(port);
    if (!reads) attacker.socket.pause();
    await attacker.flood(next, 100_000);
    attacker.socket.resume();
    await attacker.closed;
    return attacker.goaway;
  }

  const floods: readonly (readonly [string, (round: number) => Buffer])[] = [
    [
      'rapid reset',
      (round) => Buffer.concat([headersFrame(ofStream(round), get('/held')), resetFrame(ofStream(round))]),
    ],
    [
      'resets that our own rules make',
      (round) => Buffer.concat([headersFrame(ofStream(round), get('/held'), true), windowUpdate(ofStream(round), 0)]),
    ],
    [
      'RST_STREAM of a stream that is closed',
      (round) => Buffer.concat([round === 0 ? headersFrame(1, get('/held')) : Buffer.alloc(0), resetFrame(1)]),
    ],
    ['DATA without payload', (round) => (round === 0 ? headersFrame(1, aPost, false) : dataFrame(1, ''))],
    ['PRIORITY', () => aFrame(frameType.priority, 0, 1, Buffer.from([0, 0, 0, 3, 16]))],
    ['WINDOW_UPDATE', () => windowUpdate(0, 1)],
    [
      'CONTINUATION',
      (round) => aFrame(round === 0 ? frameType.headers : frameType.continuation, 0, 1, Buffer.alloc(4000, 'x')),
    ],
    ['CONTINUATION without payload', (round) => aFrame(round === 0 ? frameType.headers : frameType.continuation, 0, 1)],
  ];

  for (const [name, next] of floods) {
    it(`${name} without end is answered with ENHANCE_YOUR_CALM`, async (context) => {
      await withstand(context, async () => assert.equal(await floodUntilClosed(next), errorCode.enhanceYourCalm));
    });
  }

  const unread: readonly (readonly [string, Buffer])[] = [
    ['PING', aFrame(frameType.ping, 0, 0, '12345678')],
    ['SETTINGS', aSettings()],
  ];

  for (const [name, frame] of unread) {
    it(`${name} without end of one who does not read ends the connection`, async (context) => {
      const many = Buffer.concat(Array.from({ length: 1000 }, () => frame));
      await withstand(context, async () => void (await floodUntilClosed(() => many, { reads: false })));
    });
  }

  it('a large field that is named again and again is refused', async (context) => {
    const attacker = await Attacker.open(port);
    // One octet stands for 4000, from the encoder's table.
    const stored = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'x')]);
    const plain = Buffer.from([0x82, 0x86, 0x84, 0x01, 1, 0x61]);
    const bomb = Buffer.concat([plain, Buffer.alloc(12_000, 0xbe)]);
    const bombFrame = (round: number) => aFrame(frameType.headers, 0x5, ofStream(round), bomb);
    await withstand(context, async () => {
      const first = Buffer.concat([plain, stored]);
      await attacker.flood((round) => (round === 0 ? aFrame(frameType.headers, 0x5, 1, first) : bombFrame(round)), 500);
      const isAnswered = () => attacker.isClosed || attacker.count(frameType.headers) === 499;
      await eventually(isAnswered, 20_000);
      attacker.close();
    });
    assert.equal(attacker.goaway, -1);
  });

  it('a window that overflows is a FLOW_CONTROL_ERROR, of the connection and of a stream', async (context) => {
    await withstand(context, async () => {
      const ofConnection = await Attacker.open(port);
      await ofConnection.flood(() => windowUpdate(0, maxInt31), 1);
      await ofConnection.closed;
      assert.equal(ofConnection.goaway, errorCode.flowControlError);
      const ofOne = await Attacker.open(port);
      await ofOne.flood(() => Buffer.concat([headersFrame(1, get('/held')), windowUpdate(1, maxInt31)]), 1);
      const reset = await eventually(() => {
        const found = ofOne.frames.find(({ type }) => type === frameType.rstStream);
        assert.ok(found !== undefined);
        return found;
      });
      assert.deepEqual([reset.id, reset.payload.readUInt32BE(0)], [1, errorCode.flowControlError]);
      ofOne.close();
    });
  });

  it('more DATA than the window is a FLOW_CONTROL_ERROR', async (context) => {
    await withstand(context, async () => {
      const attacker = await Attacker.open(port);
      const piece = Buffer.alloc(16 * 1024);
      await attacker.flood(
        (round) => (round === 0 ? headersFrame(1, post('/held'), false) : dataFrame(1, piece)),
        1000,
      );
      // Whoever sends on is cut off.
      await attacker.closed;
      const resets = attacker.frames.filter(({ type }) => type === frameType.rstStream);
      const told = [...resets.map(({ payload }) => payload.readUInt32BE(0)), attacker.goaway];
      assert.ok(told.includes(errorCode.flowControlError), `told ${told.join()}`);
    });
  });

  it('10 connections of 100 streams with answers of 20 MB and a window of nothing', async (context) => {
    await withstand(context, async () => {
      const attackers = await Promise.all(Array.from({ length: 10 }, () => Attacker.open(port, [[4, 0]])));
      for (const attacker of attackers)
        await attacker.flood((round) => headersFrame(ofStream(round), get('/large')), 100);
      await eventually(() => attackers.every((attacker) => attacker.count(frameType.headers) === 100), 30_000);
      // As long as each stream may idle, and longer.
      await eventually(() => attackers.every((attacker) => attacker.count(frameType.rstStream) === 100), 30_000);
      for (const attacker of attackers) attacker.close();
    });
    await eventually(() => openRequests === 0);
  });

  it('a preface that stalls ends in time, wherever it stalls', async (context) => {
    await withstand(context, async () => {
      const begun = [1, 10, connectionPreface.length - 1].map(async (length) => {
        const attacker = await Attacker.bare(port);
        await attacker.flood(() => connectionPreface.subarray(0, length), 1);
        await attacker.closed;
      });
      await Promise.all(begun);
    });
  });

  it('a head that stalls ends in time, whole frames or half ones', async (context) => {
    const block = aBlock(get('/fine'));
    const half = aFrame(frameType.headers, frameFlag.endStream, 1, block.subarray(0, 4));
    await withstand(context, async () => {
      for (const bytes of [half, headersFrame(1, get('/fine')).subarray(0, 12)]) {
        const attacker = await Attacker.open(port);
        await attacker.flood(() => bytes, 1);
        await attacker.closed;
        assert.equal(attacker.goaway, errorCode.enhanceYourCalm);
      }
    });
  });

  it('1000 bodies that do not come are given up after the idle time', async (context) => {
    await withstand(context, async () => {
      const attackers = await Promise.all(Array.from({ length: 10 }, () => Attacker.open(port)));
      const begun = (round: number) =>
        Buffer.concat([
          headersFrame(ofStream(round), [...post('/post'), ['content-length', '1000000']], false),
          dataFrame(ofStream(round), 'a little'),
        ]);
      for (const attacker of attackers) await attacker.flood(begun, 100);
      await eventually(() => attackers.every((attacker) => attacker.count(frameType.headers) === 100), 30_000);
      for (const attacker of attackers) attacker.close();
    });
    await eventually(() => openRequests === 0);
  });
});
