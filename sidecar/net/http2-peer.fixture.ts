import { FakeClock } from '#shared/runtime/clock.ts';
import { connectionPreface, frameFlag, frameType } from '../http2/frames.ts';
import { HpackDecoder } from '../http2/hpack/decoder.ts';
import { defaultHttp2Options, type Http2Options } from '../http2/options.ts';
import { aFrame, aSettings, parseFrames, type Pairs, type SeenFrame } from '../http2/session.fixture.ts';
import { FakeConnection } from '../transport/fake-connection.fixture.ts';
import { RequestRecorder } from './http1.fixture.ts';
import { ClientRecorder } from './http2.fixture.ts';
import { Http2ClientConnection } from './http2-client-connection.ts';
import { Http2ServerConnection } from './http2-server-connection.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Until what was queued this turn is flushed. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** The peer of a connection under test, on a fake connection and a fake clock. */
export class FakePeer {
  readonly connection = new FakeConnection();
  readonly clock = new FakeClock();
  readonly options: Http2Options;
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4096 });

  constructor(options: Partial<Http2Options> = {}) {
    this.options = { ...defaultHttp2Options, ...options };
  }

  get setup() {
    return { options: this.options, wheel: new TimerWheel(this.clock) };
  }

  /** Frames since the last call, once this turn's output is there. */
  async frames(): Promise<SeenFrame[]> {
    await turn();
    return parseFrames(Buffer.from(this.connection.takeText(), 'latin1'));
  }

  /** The same as text: type, stream, and what matters of it. */
  async heard(): Promise<string[]> {
    return (await this.frames()).map(({ type, flags, id, payload }) => {
      const end = (type === 0 || type === 1) && (flags & frameFlag.endStream) !== 0 ? ' END' : '';
      switch (type) {
        case frameType.headers:
          return `HEADERS ${id} ${this.decode(payload)
            .map(([name, value]) => `${name}=${value}`)
            .join(' ')}${end}`;
        case frameType.data:
          return `DATA ${id} ${payload.toString('latin1')}${end}`;
        case frameType.rstStream:
          return `RST_STREAM ${id} ${payload.readUInt32BE(0)}`;
        case frameType.goaway:
          return `GOAWAY ${payload.readUInt32BE(0)} ${payload.readUInt32BE(4)}`;
        case frameType.settings:
          return (flags & frameFlag.ack) === 0 ? 'SETTINGS' : 'SETTINGS ACK';
        case frameType.ping:
          return (flags & frameFlag.ack) === 0 ? 'PING' : 'PING ACK';
        default:
          return `${type} ${id}`;
      }
    });
  }

  decode(block: Buffer): Pairs {
    const fields: [string, string][] = [];
    this.#decoder.decode(block, 0, block.length, { onField: (name, value) => fields.push([name, value]) });
    return fields;
  }

  send(...frames: Buffer[]): void {
    this.connection.receive(Buffer.concat(frames));
  }
}

/** A server connection that has shaken hands with a client. */
export async function aServer(options: Partial<Http2Options> = {}) {
  const peer = new FakePeer(options);
  const handler = new RequestRecorder();
  const server = new Http2ServerConnection(peer.connection, handler, peer.setup);
  peer.send(connectionPreface, aSettings(), aFrame(frameType.settings, frameFlag.ack, 0));
  await peer.frames();
  return { peer, handler, server };
}

/** A client connection that has shaken hands with a server. */
export async function aClient(options: Partial<Http2Options> = {}, ...settings: [number, number][]) {
  const peer = new FakePeer(options);
  const handler = new ClientRecorder();
  const client = new Http2ClientConnection(peer.connection, handler, peer.setup);
  peer.send(aSettings(...settings), aFrame(frameType.settings, frameFlag.ack, 0));
  await peer.frames();
  return { peer, handler, client };
}
